"""Plots of the report: the numbers in their traces, and no colors of their own."""

import json
import math
from typing import Any

import pytest

from tfx_contrastive.pipeline.report import plots
from tfx_contrastive.pipeline.report.sections.classifier import Bin
from tfx_contrastive.pipeline.report.sections.data import Distribution, Histogram
from tfx_contrastive.pipeline.report.sections.label_budget import Benchmark, BenchmarkPoint, BudgetPoint
from tfx_contrastive.pipeline.runs.training_log import Series

SERIES = Series("pretrain/loss", (50, 100), (5.0, 3.0))
BINS = (Bin(0.0, 0.5, 4, 0.4, 0.25), Bin(0.5, 1.0, 0, math.nan, math.nan))


def spec(figure: Any) -> Any:
    return json.loads(plots.to_json(figure))


def test_json_has_gaps_for_numbers_that_are_not_finite_and_no_template() -> None:
    diverged = Series("loss", (1, 2, 3), (1.0, math.nan, math.inf))
    found = spec(plots.curve([("loss", diverged)]))
    assert found["data"][0]["y"] == [1.0, None, None]
    assert "template" not in found["layout"]


def test_a_curve_shows_chance_and_warnings() -> None:
    found = spec(plots.curve([("loss", SERIES)], chance=6.0, warned=(100,)))
    curve, chance, warning = found["data"]
    assert (curve["x"], curve["y"], curve["meta"]) == ([50, 100], [5.0, 3.0], {"color": 0})
    assert (chance["y"], chance["meta"]) == ([6.0, 6.0], {"faint": True})
    assert warning["x"] == [100, 100]
    low, high = found["layout"]["yaxis"]["range"]
    assert low < 3.0 < 6.0 < high
    assert warning["y"] == [low, high]
    assert found["layout"]["showlegend"] is False


def test_an_axis_of_shares_is_not_shorter_than_its_least_span_nor_below_zero() -> None:
    flat = Series("accuracy", (1, 2), (0.05, 0.051))
    low, high = spec(plots.curve([("a", flat)], least_span=0.2))["layout"]["yaxis"]["range"]
    assert (low, high) == (0.0, pytest.approx(0.2))


def test_curves_of_two_runs_have_a_legend() -> None:
    found = spec(plots.curve([("before", SERIES), ("after", SERIES)]))
    assert [trace["name"] for trace in found["data"]] == ["before", "after"]
    assert [trace["meta"]["color"] for trace in found["data"]] == [0, 1]
    assert found["layout"]["showlegend"] is True


def test_a_curve_without_values_is_empty() -> None:
    (trace,) = spec(plots.curve([("loss", Series("loss", (), ()))]))["data"]
    assert trace["x"] == trace["y"] == []


def test_a_histogram_shows_shares_as_steps() -> None:
    train = Histogram("train", (0.0, 0.5, 1.0), (30.0, 10.0), 0.0, 0.4, 1.0)
    empty = Histogram("eval", (0.0, 0.5, 1.0), (0.0, 0.0), 0.0, 0.0, 0.0)
    first, second = spec(plots.histogram(Distribution("b", "Brightness", "mean", (train, empty))))["data"]
    assert first["x"] == [0.0, 0.5, 1.0]
    assert first["y"] == [0.75, 0.25, 0.25]  # the last step is drawn to its end
    assert first["customdata"] == [30.0, 10.0, 10.0]
    assert second["y"] == [0.0, 0.0, 0.0]


def test_empty_bins_are_left_out_of_both_plots_of_confidence() -> None:
    bars, diagonal = spec(plots.reliability(BINS))["data"]
    assert (bars["x"], bars["y"], bars["customdata"]) == ([0.25], [0.25], [[4, 0.4]])
    assert (diagonal["x"], diagonal["y"]) == ([0, 1], [0, 1])
    correct, wrong = spec(plots.confidences(BINS))["data"]
    assert (correct["name"], correct["y"]) == ("correct", [1])
    assert (wrong["name"], wrong["y"]) == ("wrong", [3])
    assert correct["width"] == pytest.approx(0.47)


def test_label_budgets_have_a_line_per_mode() -> None:
    points = [
        BudgetPoint("a", 5, 15, "fine_tune", 0.7, "test"),
        BudgetPoint("b", 20, 60, "fine_tune", 0.8, "test"),
        BudgetPoint("c", 5, 15, "linear_probe", 0.6, "test"),
    ]
    found = spec(plots.label_budget(points))
    assert [(t["name"], t["x"], t["y"]) for t in found["data"]] == [
        ("fine_tune", [15, 60], [0.7, 0.8]),
        ("linear_probe", [15], [0.6]),
    ]
    assert found["layout"]["showlegend"] is True
    assert spec(plots.label_budget(points[:2]))["layout"]["showlegend"] is False


def test_a_benchmark_shows_the_range_over_its_seeds() -> None:
    found = Benchmark(
        "Digits", (BenchmarkPoint("probe", 4, 0.5, 0.25, 0.75, 3), BenchmarkPoint("probe", None, 1, 1, 1, 1))
    )
    plotted = spec(plots.benchmark(found))
    (trace,) = plotted["data"]
    assert (trace["x"], trace["y"]) == (["4", "all"], [0.5, 1])
    assert (trace["error_y"]["array"], trace["error_y"]["arrayminus"]) == ([0.25, 0], [0.25, 0])
    assert plotted["layout"]["xaxis"]["categoryarray"] == ["4", "all"]
