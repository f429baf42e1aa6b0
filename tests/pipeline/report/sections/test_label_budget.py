import dataclasses
import json
import pathlib
from typing import Any

import pytest

from tests.pipeline.report.examples import artifact, example_evaluation, example_record, example_run, node
from tfx_contrastive.pipeline.report.sections.label_budget import (
    BenchmarkPoint,
    collect_budget_points,
    read_benchmark,
)


def result(method: Any, labels_per_class: Any, seed: Any, accuracy: Any) -> Any:
    return {
        "method": method,
        "labels_per_class": labels_per_class,
        "seed": seed,
        "test_accuracy": accuracy,
        "eval_accuracy": 0.0,
        "details": {},
    }


def test_seeds_are_joined_and_budgets_in_order(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "label_efficiency.json"
    results = [
        result("probe", None, 0, 0.9),
        result("probe", 16, 0, 0.7),
        result("probe", 4, 0, 0.5),
        result("probe", 4, 1, 0.6),
        result("forest", 16, 0, 0.4),
    ]
    path.write_text(json.dumps({"dataset": "Digits", "encoder": "c4n", "results": results}))
    found = read_benchmark(path)
    assert found is not None
    assert found.dataset == "Digits"
    assert found.budgets == ("4", "16", "all")
    assert found.points == (
        BenchmarkPoint("forest", 16, 0.4, 0.4, 0.4, 1),
        BenchmarkPoint("probe", 4, 0.55, 0.5, 0.6, 2),
        BenchmarkPoint("probe", 16, 0.7, 0.7, 0.7, 1),
        BenchmarkPoint("probe", None, 0.9, 0.9, 0.9, 1),
    )


def test_a_result_without_any_figure_yet_is_none(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"dataset": "Digits", "results": []}')
    assert read_benchmark(path) is None


@pytest.mark.parametrize("text", [None, "{", '{"dataset": "Digits", "results": [{"method": "probe"}]}'])
def test_what_is_no_result_is_told_plainly(tmp_path: pathlib.Path, text: Any) -> None:
    path = tmp_path / "a.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(LookupError, match=r"a\.json as a result of the label-efficiency benchmark"):
        read_benchmark(path)


def budget_record(run_id: str, labels: int, model: int, accuracy: float) -> Any:
    """The record of a run with a number of labels, a classifier and its accuracy on `test`."""
    trained = node(9, "Trainer", outputs={"model": (artifact(model, "Model"),)})
    run = example_run(run_id)
    evaluation = example_evaluation("test")
    values = {**evaluation.overall.values, "accuracy": accuracy}
    slices = (dataclasses.replace(evaluation.overall, values=values),)
    measured = (dataclasses.replace(evaluation, slices=slices),)
    run = dataclasses.replace(run, nodes=(*run.nodes, trained))
    return example_record(run, measured, num_labels=labels, ingest=None, head_mode="fine_tune")


def test_runs_with_several_budgets_have_a_point_per_model() -> None:
    few, many = budget_record("few", 15, 50, 0.6), budget_record("many", 60, 51, 0.8)
    again = budget_record("again", 15, 50, 0.6)  # the same model, from the cache
    points = collect_budget_points(many, [many, again, few])
    assert [(each.run_id, each.num_labeled, each.accuracy, each.split) for each in points] == [
        ("again", 15, 0.6, "test"),
        ("many", 60, 0.8, "test"),
    ]


def test_one_budget_has_no_curve() -> None:
    one, other = budget_record("one", 15, 50, 0.6), budget_record("other", 15, 51, 0.7)
    assert collect_budget_points(one, [one, other]) == ()
