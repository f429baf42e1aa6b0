"""The plots of the report for plotly.js: traces and layout without colors, which the page sets.

A trace gives its color as a number (`meta.color`), so that the page can choose colors for a light or a dark
background; `meta.faint` asks for a thin, dashed line in the color of text.
"""

import json
import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from tfx_contrastive.pipeline.report.sections.classifier import Bin
from tfx_contrastive.pipeline.report.sections.data import Distribution
from tfx_contrastive.pipeline.report.sections.label_budget import Benchmark, BudgetPoint
from tfx_contrastive.pipeline.runs.training_log import Series

_MARGIN = {"l": 52, "r": 12, "t": 12, "b": 44}
_LEGEND_MARGIN = {**_MARGIN, "t": 46}  # room for two lines above the chart


def to_json(figure: go.Figure) -> str:
    """Return a plot as JSON without plotly's template: the page sets the colors."""
    spec = figure.to_plotly_json()
    spec["layout"].pop("template", None)
    return json.dumps(_finite(spec))


def curve(
    series: Sequence[tuple[str, Series]],
    chance: float | None = None,
    least_span: float = 0.0,
    warned: Sequence[int] = (),
) -> go.Figure:
    """Plot one scalar by step, of one run or of several.

    Args:
        series: (name, values) of each run.
        chance: Value of a run that learns nothing; drawn as a line.
        least_span: Least span of the vertical axis.
        warned: Steps at which a warning fired; drawn as vertical lines.
    """
    figure = _figure("step", legend=len(series) > 1)
    for color, (name, each) in enumerate(series):
        figure.add_scatter(
            x=list(each.steps),
            y=list(each.values),
            name=name,
            mode="lines+markers" if len(each.steps) < 20 else "lines",
            hovertemplate="step %{x:,}<br>%{y:.4g}<extra>"
            + ("%{fullData.name}" if len(series) > 1 else "")
            + "</extra>",
            meta={"color": color},
        )
    values = [value for _, each in series for value in each.values if math.isfinite(value)]
    last = max((each.steps[-1] for _, each in series if each.steps), default=1)
    if chance is not None:
        values.append(chance)
        figure.add_scatter(
            x=[0, last * 1.03],
            y=[chance, chance],
            mode="lines+text",
            text=["", "chance"],
            textposition="bottom left",
            hovertemplate="chance %{y:.4g}<extra></extra>",
            showlegend=False,
            meta={"faint": True},
        )
    if values:
        middle = (max(values) + min(values)) / 2
        half = max((max(values) - min(values)) * 0.55, least_span / 2, abs(middle) * 0.02, 1e-6)
        low, high = middle - half, middle + half
        if min(values) >= 0:  # no scalar of the report has a meaning below 0
            low, high = (0.0, 2 * half) if low < 0 else (low, high)
        figure.update_yaxes(range=[low, high])
        for step in warned:
            figure.add_scatter(
                x=[step, step],
                y=[low, high],
                mode="lines",
                hovertemplate=f"a warning fired at step {step:,}<extra></extra>",
                showlegend=False,
                meta={"faint": True},
            )
    figure.update_xaxes(range=[0, last * 1.03])
    return figure


def histogram(distribution: Distribution) -> go.Figure:
    """Plot the share of the images per bin as steps, one line per split."""
    figure = _figure(distribution.unit, "share of images", legend=True)
    for color, each in enumerate(distribution.histograms):
        total = sum(each.counts) or 1.0
        shares = [count / total for count in each.counts]
        figure.add_scatter(
            x=[*each.edges],
            y=[*shares, shares[-1]] if shares else [],
            name=each.split,
            mode="lines",
            line={"shape": "hv"},
            fill="tozeroy" if color == 0 else None,
            customdata=[*each.counts, each.counts[-1]] if each.counts else [],
            hovertemplate="from %{x:.4g}: %{y:.1%}, %{customdata:,.0f} images<extra>%{fullData.name}</extra>",
            meta={"color": color},
        )
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    return figure


def reliability(bins: Sequence[Bin]) -> go.Figure:
    """Plot accuracy by confidence, with the line of perfect calibration."""
    figure = _figure("confidence", "accuracy")
    filled = [each for each in bins if each.count]
    figure.add_bar(
        x=[(each.low + each.high) / 2 for each in filled],
        y=[each.accuracy for each in filled],
        width=0.94 / len(bins),
        opacity=0.55,
        customdata=[[each.count, each.confidence] for each in filled],
        hovertemplate="confidence %{customdata[1]:.3f}<br>accuracy %{y:.3f}<br>%{customdata[0]:,} images"
        "<extra></extra>",
        meta={"color": 0},
    )
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", hoverinfo="skip", meta={"faint": True})
    figure.update_xaxes(range=[0, 1], dtick=0.2)
    figure.update_yaxes(range=[0, 1], dtick=0.2)
    return figure


def confidences(bins: Sequence[Bin]) -> go.Figure:
    """Plot the number of images by confidence, with correct and wrong predictions stacked."""
    figure = _figure("confidence", "images", legend=True)
    filled = [each for each in bins if each.count]
    correct = [round(each.count * each.accuracy) for each in filled]
    wrong = [each.count - number for each, number in zip(filled, correct, strict=True)]
    for name, counts, color in (("correct", correct, 0), ("wrong", wrong, 7)):
        figure.add_bar(
            x=[(each.low + each.high) / 2 for each in filled],
            y=counts,
            name=name,
            width=0.94 / len(bins),
            opacity=0.75,
            customdata=[[each.low, each.high] for each in filled],
            hovertemplate="confidence %{customdata[0]:.1f} to %{customdata[1]:.1f}<br>%{y:,} "
            + name
            + "<extra></extra>",
            meta={"color": color},
        )
    figure.update_layout(barmode="stack")
    figure.update_xaxes(range=[0, 1], dtick=0.2)
    return figure


def label_budget(points: Sequence[BudgetPoint]) -> go.Figure:
    """Plot accuracy by number of labels, one line per mode of the head."""
    figure = _figure("labeled training images", "accuracy", legend=len({p.mode for p in points}) > 1)
    for color, mode in enumerate(sorted({point.mode for point in points})):
        own = [point for point in points if point.mode == mode]
        figure.add_scatter(
            x=[point.num_labeled for point in own],
            y=[point.accuracy for point in own],
            name=mode,
            mode="lines+markers",
            hovertemplate="%{x:,} labels<br>accuracy %{y:.4f}<extra>%{fullData.name}</extra>",
            meta={"color": color},
        )
    figure.update_xaxes(type="log")
    figure.update_yaxes(tickformat=".1%")
    return figure


def benchmark(found: Benchmark) -> go.Figure:
    """Plot mean accuracy by labels per class, one line per method, with the range over the seeds."""
    figure = _figure("labels per class", "accuracy on test", legend=True)
    for color, method in enumerate(dict.fromkeys(point.method for point in found.points)):
        own = [point for point in found.points if point.method == method]
        figure.add_scatter(
            x=[point.budget for point in own],
            y=[point.mean for point in own],
            error_y={
                "array": [point.highest - point.mean for point in own],
                "arrayminus": [point.mean - point.lowest for point in own],
                "thickness": 1,
            },
            name=method,
            mode="lines+markers",
            customdata=[[point.lowest, point.highest, point.seeds] for point in own],
            hovertemplate="%{x} labels per class<br>accuracy %{y:.4f}, over %{customdata[2]} seeds "
            "%{customdata[0]:.4f} to %{customdata[1]:.4f}<extra>%{fullData.name}</extra>",
            meta={"color": color},
        )
    figure.update_xaxes(type="category", categoryorder="array", categoryarray=list(found.budgets))
    figure.update_yaxes(tickformat=".0%")
    figure.update_layout(height=420)
    return figure


def _figure(x_title: str, y_title: str = "", legend: bool = False) -> go.Figure:
    figure = go.Figure()
    figure.update_layout(
        margin=_LEGEND_MARGIN if legend else _MARGIN,
        showlegend=legend,
        hovermode="closest",
        height=280,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
    )
    figure.update_xaxes(title_text=x_title)
    figure.update_yaxes(title_text=y_title)
    return figure


def _finite(value: Any) -> Any:
    """Replace NaN and infinity, which JSON lacks, by None: a gap in the line."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value
