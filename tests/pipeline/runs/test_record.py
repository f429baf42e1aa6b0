"""What a run's record says: by ML Metadata alone, then by the files of artifacts, each read once."""

import dataclasses
import json
import pathlib
from typing import Any

import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

from tests.pipeline.report.examples import artifact, example_evaluation, example_record, example_run, node
from tfx_contrastive.components.gates.verdict import Delivery
from tfx_contrastive.contract import files
from tfx_contrastive.pipeline.runs.lineage import Run
from tfx_contrastive.pipeline.runs.record import RunRecord, verdict

NO_BASELINE = "blessed: every threshold was met; there was no model in use to compare with"


def run_of(*nodes: Any, **fields: Any) -> Any:
    return Run("r", "shop", nodes, **fields)


def blessing(number: Any, node_id: Any, blessed: Any) -> Any:
    return node(number, node_id, outputs={"blessing": (artifact(number, "ModelBlessing", blessed=blessed),)})


def baseline(number: Any, **properties: Any) -> Any:
    return node(number, "BaselineResolver", outputs={"baseline_model": (artifact(9, "Model", **properties),)})


def test_a_blessed_run_has_a_verdict_and_a_delivery() -> None:
    record = RunRecord(example_run())
    assert (record.gate.word, record.gate.refused_by) == ("blessed", ())
    assert verdict(record) == NO_BASELINE
    assert (record.delivery.pushed_to, record.delivery.pushed_version) == (
        "/serving/1764000000",
        "1764000000",
    )
    assert str(record.delivery) == "pushed as version 1764000000"


def test_a_refused_run_names_the_gate() -> None:
    record = RunRecord(example_run(blessed=0))
    assert (record.gate.word, record.gate.refused_by) == ("refused", ("RepresentationGate",))
    assert verdict(record) == "NOT blessed: refused by RepresentationGate"


def test_a_failed_gate_has_no_verdict() -> None:
    record = RunRecord(example_run(state="failed"))
    assert record.gate.word == "none"
    assert verdict(record) == "no gate has reached a verdict; RepresentationGate failed"


def test_the_combined_verdict_has_the_last_word() -> None:
    record = RunRecord(
        run_of(
            blessing(1, "RepresentationGate", 1),
            blessing(2, "Evaluator", 0),
            blessing(3, "CombinedBlessing", 0),
            baseline(4, source="1763900000", reason="in use"),
        )
    )
    assert (record.gate.word, record.gate.refused_by) == ("refused", ("Evaluator",))
    assert (record.gate.baseline, record.gate.baseline_reason) == ("1763900000", "in use")
    assert record.delivery == Delivery()


def test_the_candidate_itself_is_no_baseline() -> None:
    gates = (blessing(1, "RepresentationGate", 1), blessing(2, "CombinedBlessing", 1))
    assert verdict(RunRecord(run_of(*gates, baseline(3, source="candidate")))) == NO_BASELINE
    assert verdict(RunRecord(run_of(*gates, baseline(3, source="7")))) == (
        "blessed: every threshold was met, also against the model in use (version 7)"
    )


def test_an_interrupted_run_says_where() -> None:
    trained = node(1, "Pretrainer")
    at = RunRecord(run_of(trained, node(2, "Trainer", "interrupted")))
    assert verdict(at) == "no gate has reached a verdict; the run was interrupted at Trainer"
    after = RunRecord(run_of(trained, interrupted=True))
    assert verdict(after) == "no gate has reached a verdict; the run was interrupted after Pretrainer"


def test_a_registered_version_is_served_elsewhere_than_it_was_pushed() -> None:
    pushed = artifact(1, "PushedModel", pushed=1, pushed_destination="/pushed/5")
    registration = artifact(
        2, "Registration", registered=1, version=3, aliases="champion", served_as="/served/1764000000"
    )
    delivery = RunRecord(
        run_of(
            node(1, "Pusher", outputs={"pushed_model": (pushed,)}),
            node(2, "RegistryPusher", outputs={"registration": (registration,)}),
        )
    ).delivery
    assert delivery == Delivery("/served/1764000000", "3", "champion")
    assert str(delivery) == "pushed as version 1764000000, registered as version 3 (champion)"
    assert str(Delivery()) == "nothing was pushed"


def test_configuration_of_nodes_is_read_from_their_properties() -> None:
    head = {"custom_config": json.dumps({"head": json.dumps({"mode": "fine_tune"})})}
    image = {"custom_config": json.dumps({"image": json.dumps({"height": 8, "width": 9, "channels": 1})})}
    examples = artifact(1, "Examples", num_train_labeled=15)
    record = RunRecord(
        run_of(
            node(1, "ImageExampleGen", outputs={"examples": (examples,)}),
            node(2, "Transform", properties=image),
            node(3, "Trainer", properties=head),
        )
    )
    assert (record.num_labels, record.head_mode) == (15, "fine_tune")
    assert record.image is not None
    assert (record.image.height, record.image.width) == (8, 9)
    empty = RunRecord(run_of())
    assert (empty.num_labels, empty.head_mode, empty.image, empty.ingest) == (None, "", None, None)


def test_class_changes_are_those_of_the_baseline() -> None:
    changed = run_of(baseline(1, source="7", new_classes='["cross"]', gone_classes='["circle"]'))
    assert RunRecord(changed).class_changes == (("cross",), ("circle",))
    assert RunRecord(run_of()).class_changes == ((), ())


@pytest.fixture
def written(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A run whose artifacts hold files, and the paths that were read."""
    quarantine, statistics, gate = (tmp_path / name for name in ("quarantine", "statistics", "gate"))
    (quarantine / "images").mkdir(parents=True)
    (statistics / "Split-train").mkdir(parents=True)
    gate.mkdir()
    (quarantine / "summary.json").write_text('{"read": 3, "set_aside": {"blank": 2}}')
    rows = [{"source": "a.png", "sample": ""}, {"source": "ö.png", "sample": "images/0.png"}]
    (quarantine / "records.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (quarantine / "images" / "0.png").write_bytes(b"png")
    found = statistics_pb2.DatasetFeatureStatisticsList()
    found.datasets.add(num_examples=41)
    (statistics / "Split-train" / "FeatureStats.pb").write_bytes(found.SerializeToString())
    (gate / "metrics.json").write_text('{"blessed": false, "reasons": ["too flat"], "figures": {}}')

    def output(number: Any, uri: Any, **properties: Any) -> Any:
        return (dataclasses.replace(artifact(number, "Any", **properties), uri=str(uri)),)

    read: list[str] = []
    read_bytes = files.read_bytes

    def counted(path: str) -> bytes:
        read.append(path)
        return read_bytes(path)

    monkeypatch.setattr(files, "read_bytes", counted)
    run = run_of(
        node(1, "ImageExampleGen", outputs={"quarantine": output(1, quarantine)}),
        node(2, "StatisticsGen", outputs={"statistics": output(2, statistics, split_names='["train"]')}),
        node(3, "RepresentationGate", outputs={"representation": output(3, gate)}),
    )
    return RunRecord(run), read


def test_artifacts_are_read_at_the_first_look_and_once(written: Any) -> None:
    record, read = written
    assert read == []
    for _ in range(2):
        assert record.examples["read"] == 3
        assert [each["source"] for each in record.set_aside] == ["ö.png", "a.png"]
        assert {split: each.num_examples for split, each in record.statistics.items()} == {"train": 41}
        assert record.representation["reasons"] == ["too flat"]
    assert record.quarantined("images/0.png") == b"png"
    assert len(read) == len(set(read)) == 5


def test_reasons_are_those_of_both_gates(written: Any) -> None:
    record, _ = written
    assert record.reasons == ("too flat",)
    failing = dataclasses.replace(example_evaluation("eval"), failures=("accuracy is low",))
    assert example_record(None, (failing,)).reasons == ("accuracy is low",)


def test_a_run_that_reached_nothing_is_empty() -> None:
    record = RunRecord(run_of(node(1, "ImageExampleGen", "failed")))
    assert (record.examples, record.quarantine, record.set_aside) == ({}, "", ())
    assert (record.statistics, record.anomalies, record.representation) == ({}, (), {})
    assert (record.evaluations, record.reasons) == ((), ())
    assert (record.pretraining, record.pretraining_log, record.sample, record.seen) == (None,) * 4


def test_the_values_for_the_terminal_are_json() -> None:
    evaluations = (example_evaluation("test"), example_evaluation("eval"))
    record = example_record(example_run(blessed=0), evaluations, representation={"reasons": ["too flat"]})
    values = record.values()
    assert json.loads(json.dumps(values)) == values
    assert values["verdict"] == "NOT blessed: refused by RepresentationGate"
    assert values["reasons"] == ["too flat"]
    assert (
        values["test"] == values["evaluation"] == {"example_count": 60.0, "accuracy": 0.75, "macro_f1": 0.74}
    )
    assert len(values["warnings"]) == 1
    assert values["pushed_model"] == "/serving/1764000000"
