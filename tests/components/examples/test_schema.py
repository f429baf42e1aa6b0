"""The schema of the data contract fits the statistics of real examples."""

from typing import Any

import pytest
import tensorflow_data_validation as tfdv
from tfx.components.statistics_gen import executor
from tfx.types import standard_artifacts

from tests.components.image_example_gen.support import run_ingest
from tfx_contrastive.components.examples.schema import base_schema, stats_options
from tfx_contrastive.components.image_example_gen import IngestConfig
from tfx_contrastive.pipeline.schema import named


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> dict[Any, Any]:
    """Statistics of the splits of digits with hidden labels, by TFX's own StatisticsGen."""
    directory = tmp_path_factory.mktemp("digits")
    config = IngestConfig(source={"kind": "digits"}, labels_per_class=3)
    examples, _ = run_ingest(config, directory)
    statistics = standard_artifacts.ExampleStatistics()
    statistics.uri = str(directory / "statistics")
    options = {"stats_options_json": stats_options().to_json(), "exclude_splits": "[]"}
    executor.Executor().Do({"examples": [examples]}, {"statistics": [statistics]}, options)
    return {
        split: tfdv.load_stats_binary(f"{statistics.uri}/Split-{split}/FeatureStats.pb")
        for split in ("train", "eval", "test")
    }


def by_name(statistics: Any) -> dict[Any, Any]:
    return {feature.path.step[0]: feature for feature in statistics.datasets[0].features}


def test_images_are_bytes_not_text(digits: dict[Any, Any]) -> None:
    features = by_name(digits["train"])
    assert features["image"].WhichOneof("stats") == "bytes_stats"
    assert features["image"].bytes_stats.common_stats.num_non_missing > 1000


def test_image_without_flood(capfd: pytest.CaptureFixture[str], digits: dict[Any, Any]) -> None:
    assert "utf" not in capfd.readouterr().err.lower()


@pytest.mark.parametrize("split", ["train", "eval", "test"])
@pytest.mark.parametrize("schema", [base_schema(), named("digits")], ids=["base", "named"])
def test_digits_meet_both_schemas(digits: dict[Any, Any], split: str, schema: Any) -> None:
    anomalies = tfdv.validate_statistics(digits[split], schema)
    assert dict(anomalies.anomaly_info) == {}
    assert not anomalies.HasField("dataset_anomaly_info")


def test_digits_are_not_fashion(digits: dict[Any, Any]) -> None:
    anomalies = tfdv.validate_statistics(digits["train"], named("fashion_mnist")).anomaly_info
    assert sorted(anomalies) == ["height", "label", "width"]
