"""Figures of the report as plotly.js takes them: traces and layout, colours left to the page.

A trace names its colour by number (`meta.color`), so that the page can paint it for a light or a dark
ground; `meta.faint` asks for a thin, dashed line in the colour of text.
"""

import json
import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from pipeline.report.scalars import Series
from pipeline.report.sections.classifier import Bin
from pipeline.report.sections.data import Distribution
from pipeline.report.sections.label_budget import BudgetPoint

_MARGIN = {"l": 52, "r": 12, "t": 12, "b": 44}


def to_json(figure: go.Figure) -> str:
    """The figure for the page, without plotly's own template: the page has its colours."""
    spec = figure.to_plotly_json()
    spec["layout"].pop("template", None)
    return json.dumps(_finite(spec))


def curve(series: Sequence[tuple[str, Series]]) -> go.Figure:
    """One scalar by step, of one run or of several."""
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
    if values:
        middle = (max(values) + min(values)) / 2
        half = max((max(values) - min(values)) * 0.55, abs(middle) * 0.02, 1e-6)
        figure.update_yaxes(range=[middle - half, middle + half])
    return figure


def histogram(distribution: Distribution) -> go.Figure:
    """Share of the images of each split by bin, as steps."""
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
    """Accuracy by confidence, with the line of perfect calibration."""
    figure = _figure("confidence", "accuracy")
    filled = [each for each in bins if each.count]
    figure.add_bar(
        x=[(each.low + each.high) / 2 for each in filled],
        y=[each.accuracy for each in filled],
        width=0.094,
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


def label_budget(points: Sequence[BudgetPoint]) -> go.Figure:
    """Accuracy by number of labels, a line a mode of the head."""
    figure = _figure("labelled training images", "accuracy", legend=len({p.mode for p in points}) > 1)
    for color, mode in enumerate(sorted({point.mode for point in points})):
        own = [point for point in points if point.mode == mode]
        figure.add_scatter(
            x=[point.num_labelled for point in own],
            y=[point.accuracy for point in own],
            name=mode,
            mode="lines+markers",
            hovertemplate="%{x:,} labels<br>accuracy %{y:.4f}<extra>%{fullData.name}</extra>",
            meta={"color": color},
        )
    figure.update_xaxes(type="log")
    figure.update_yaxes(tickformat=".0%")
    return figure


def _figure(x_title: str, y_title: str = "", legend: bool = False) -> go.Figure:
    figure = go.Figure()
    figure.update_layout(
        margin=_MARGIN,
        showlegend=legend,
        hovermode="closest",
        height=280,
        legend={"orientation": "h", "y": 1.12},
    )
    figure.update_xaxes(title_text=x_title)
    figure.update_yaxes(title_text=y_title)
    return figure


def _finite(value: Any) -> Any:
    """JSON knows no NaN: a gap in the line instead."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value
