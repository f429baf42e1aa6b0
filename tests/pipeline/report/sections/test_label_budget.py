import json
import pathlib
from typing import Any

import pytest

from tfx_contrastive.pipeline.report.sections.label_budget import BenchmarkPoint, read_benchmark


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
