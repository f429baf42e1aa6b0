import dataclasses
import json

from tests.pipeline.report.examples import example_run, node
from tfx_contrastive.pipeline.report.sections.comparison import Change, Delta, _changes, settings


def test_settings_take_json_within_json_apart():
    pretrain = {"seed": 3, "views": {"policy": [{"name": "crop"}]}}
    packed = json.dumps({"pretrain": json.dumps(pretrain), "dims": [8, 4]})
    found = settings(
        node(1, "Pretrainer", properties={"custom_config": packed, "note": "{not json", "_own": 1})
    )
    assert found == {
        "custom_config.pretrain.seed": "3",
        "custom_config.pretrain.views.policy[0].name": "crop",
        "custom_config.dims": "[8, 4]",
        "note": "{not json",
    }
    assert settings(None) == {}


def test_a_smaller_error_is_better():
    assert Delta("g", "accuracy", 0.8, 0.9, True).tone == "better"
    assert Delta("g", "error", 0.1, 0.2, False).tone == "worse"
    assert Delta("g", "accuracy", 0.8, 0.8, True).tone == "same"
    missing = Delta("g", "accuracy", None, 0.8, True)
    assert (missing.change, missing.tone) == (None, "same")


def test_only_nodes_that_both_runs_reached_are_compared():
    run = example_run()
    ingest = node(1, "ImageExampleGen", properties={"ingest": '{"labels_per_class": 9}', "fingerprint": "f"})
    stopped = dataclasses.replace(run, nodes=(ingest, node(9, "Trainer", properties={"a": 1})))
    found = list(_changes(run, stopped))
    assert {change.node for change in found} == {"ImageExampleGen"}
    assert Change("ImageExampleGen", "ingest.labels_per_class", "5", "9") in found
    assert [change.key for change in found if change.derived] == ["fingerprint"]
