import dataclasses
import datetime
import json
import math
from typing import Any

import pytest

from tests.pipeline.report.examples import artifact, example_evaluation, example_record, example_run, node
from tfx_contrastive.pipeline.report.sections.comparison import (
    Change,
    Delta,
    _changes,
    compare,
    last_blessed_before,
    settings,
)
from tfx_contrastive.pipeline.runs.lineage import Run
from tfx_contrastive.pipeline.runs.record import RunRecord
from tfx_contrastive.pipeline.runs.training_log import Series, TrainingLog


def test_settings_take_json_within_json_apart() -> None:
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


def test_a_smaller_error_is_better() -> None:
    assert Delta("g", "accuracy", 0.8, 0.9, True).tone == "better"
    assert Delta("g", "error", 0.1, 0.2, False).tone == "worse"
    assert Delta("g", "accuracy", 0.8, 0.8, True).tone == "same"
    missing = Delta("g", "accuracy", None, 0.8, True)
    assert (missing.change, missing.tone) == (None, "same")


@pytest.mark.parametrize(("before", "after"), [(0.8, math.nan), (math.nan, 0.8), (math.nan, math.nan)])
def test_what_is_not_a_number_is_neither_better_nor_worse(before: float, after: float) -> None:
    for more_is_better in (True, False):
        found = Delta("g", "ROC AUC", before, after, more_is_better)
        assert (found.comparable, found.tone) == (False, "same")
    assert Delta("g", "ROC AUC", None, 0.8, True).comparable


def test_only_nodes_that_both_runs_reached_are_compared() -> None:
    run = example_run()
    ingest = node(1, "ImageExampleGen", properties={"ingest": '{"labels_per_class": 9}', "fingerprint": "f"})
    stopped = dataclasses.replace(run, nodes=(ingest, node(9, "Trainer", properties={"a": 1})))
    found = list(_changes(run, stopped))
    assert {change.node for change in found} == {"ImageExampleGen"}
    assert Change("ImageExampleGen", "ingest.labels_per_class", "5", "9") in found
    assert [change.key for change in found if change.derived] == ["fingerprint"]


def records(run: Any, runs: Any) -> Any:
    return RunRecord(run), [RunRecord(each) for each in runs]


def earlier(run: Any, days: Any, model_id: Any, blessed: Any = 1) -> Any:
    """A run some days before, of another model."""
    nodes = []
    for each in example_run(f"{days} days before", blessed).nodes:
        outputs = each.outputs
        if each.id == "Pretrainer":
            outputs = {"model": (artifact(model_id, "Model"),)}
        nodes.append(
            dataclasses.replace(each, started=each.started - datetime.timedelta(days=days), outputs=outputs)
        )
    return Run(f"{days} days before", run.pipeline, tuple(nodes))


def test_the_last_blessed_run_is_older_blessed_and_of_another_model() -> None:
    run = example_run()
    same_model, refused = earlier(run, 1, 5), earlier(run, 2, 50, blessed=0)
    wanted, oldest = earlier(run, 3, 51), earlier(run, 4, 52)
    runs = (run, same_model, refused, wanted, oldest)
    found = last_blessed_before(*records(run, runs))
    assert found is not None
    assert found.run.id == "3 days before"
    assert last_blessed_before(*records(oldest, runs)) is None


def test_figures_of_both_runs_stand_side_by_side() -> None:
    representation = {"figures": {"knn_accuracy": 0.8, "alignment": 0.1}}
    before = example_record(example_run("old", blessed=0), (example_evaluation("eval"),))
    after = example_record(example_run("new"), (example_evaluation("eval"),), representation=representation)
    found = compare(before, after, curves=False)
    assert (found.before.verdict, found.after.verdict) == ("refused", "blessed")
    assert [(each.group, each.title, each.before, each.after) for each in found.deltas] == [
        ("classifier, eval", "accuracy", 0.75, 0.75),
        ("classifier, eval", "macro F1", 0.74, 0.74),
        ("encoder", "kNN probe, eval", None, 0.8),
    ]
    assert found.curves == {}


def test_curves_are_those_that_both_runs_logged() -> None:
    loss, probe = Series("loss", (1,), (2.0,)), Series("probe", (1,), (0.5,))
    before = example_record(pretraining_log=TrainingLog((loss,), ()))
    after = example_record(pretraining_log=TrainingLog((loss, probe), ()))
    assert compare(before, after, curves=True).curves == {"loss": (loss, loss)}
    assert compare(example_record(pretraining_log=None), after, curves=True).curves == {}
