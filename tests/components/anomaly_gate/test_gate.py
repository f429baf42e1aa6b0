"""AnomalyGate on anomalies that TFDV itself finds."""

import json
import pathlib
from typing import Any

import pyarrow as pa
import pytest
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.types import standard_artifacts

from tfx_contrastive.components.anomaly_gate import anomalies as core
from tfx_contrastive.components.anomaly_gate.component import AnomalyGate
from tfx_contrastive.components.examples.schema import base_schema, stats_options
from tfx_contrastive.contract.errors import DataError


def statistics(**values: Any) -> Any:
    """TFDV statistics of one example of the data contract; `values` replace features, None leaves one out."""
    features = {
        "image": b"\x89PNG\xff",
        "label": b"a",
        "image_id": b"00",
        "source": b"x",
        "height": 8,
        "width": 8,
        "channels": 1,
        "num_bytes": 5,
        "brightness": 0.5,
        "contrast": 0.1,
        "entropy": 3.0,
        "brightness_band": b"medium",
    } | values
    columns = {name: pa.array([[value]]) for name, value in features.items() if value is not None}
    batch = pa.RecordBatch.from_arrays(list(columns.values()), list(columns))
    return stats_impl.generate_statistics_in_memory(batch, stats_options())


def found(schema: Any = None, **values: Any) -> Any:
    schema = schema or base_schema(["a", "b"])
    return core.parse("train", tfdv.validate_statistics(statistics(**values), schema))


def artifact(tmp_path: pathlib.Path, anomalies: Any) -> Any:
    made = standard_artifacts.ExampleAnomalies()
    made.uri, made.split_names = str(tmp_path), json.dumps(list(anomalies))
    for split, message in anomalies.items():
        path = tmp_path / f"Split-{split}" / "SchemaDiff.pb"
        path.parent.mkdir()
        path.write_bytes(message.SerializeToString())
    return made


def test_data_of_the_contract_pass() -> None:
    assert found() == []
    assert found(label=None) == []


@pytest.mark.parametrize(
    ("values", "feature", "text"),
    [
        ({"image": None}, "image", "dropped"),
        ({"label": b"c"}, "label", "c"),
        ({"channels": 7}, "channels", "7"),
        ({"brightness": 2.0}, "brightness", "2"),
        ({"brightness_band": b"purple"}, "brightness_band", "purple"),
    ],
)
def test_each_departure_is_an_error_with_its_text(values: dict[str, Any], feature: str, text: str) -> None:
    (anomaly,) = found(**values)
    assert (anomaly.split, anomaly.feature, anomaly.severity) == ("train", feature, "ERROR")
    assert text in str(anomaly)


def test_gate_stops_with_split_feature_and_text(tmp_path: pathlib.Path) -> None:
    bad = tfdv.validate_statistics(statistics(label=b"zebra"), base_schema(["a", "b"]))
    good = tfdv.validate_statistics(statistics(), base_schema(["a", "b"]))
    report = standard_artifacts.ExampleValidationMetrics()
    report.uri = str(tmp_path / "report")
    with pytest.raises(DataError, match=r"split eval, feature label: .*zebra"):
        AnomalyGate.test_call(anomalies=artifact(tmp_path, {"train": good, "eval": bad}), report=report)


def test_gate_lets_clean_data_pass(tmp_path: pathlib.Path) -> None:
    good = tfdv.validate_statistics(statistics(), base_schema(["a", "b"]))
    report = standard_artifacts.ExampleValidationMetrics()
    report.uri = str(tmp_path / "report")
    AnomalyGate.test_call(anomalies=artifact(tmp_path, {"train": good}), report=report)
    assert json.loads((tmp_path / "report" / "anomalies.json").read_text()) == []
    assert report.get_int_custom_property("num_warnings") == 0


def test_warnings_stop_only_where_asked() -> None:
    warning = core.Anomaly("train", "label", "WARNING", "New values", "few")
    core.check([warning], "ERROR")
    with pytest.raises(DataError, match="few"):
        core.check([warning], "WARNING")
    with pytest.raises(ValueError, match="'NEVER'; expected one of WARNING, ERROR"):
        core.check([warning], "NEVER")


def test_missing_file(tmp_path: pathlib.Path) -> None:
    with pytest.raises(FileNotFoundError, match="SchemaDiff.pb"):
        core.read(str(tmp_path), ["train"])


def test_empty_split_is_an_anomaly() -> None:
    nothing = statistics_pb2.DatasetFeatureStatisticsList(
        datasets=[statistics_pb2.DatasetFeatureStatistics(num_examples=0)]
    )
    found_in_nothing = core.parse("eval", tfdv.validate_statistics(nothing, base_schema()))
    assert {anomaly.severity for anomaly in found_in_nothing} == {"ERROR"}
