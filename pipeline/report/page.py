"""Render the sections as one HTML document that needs no other file and no network."""

import base64
import dataclasses
import datetime
import gzip
import math
from typing import Any

import jinja2
import markupsafe

from tfx_contrastive import __version__
from tfx_contrastive.pipeline.report import plots
from tfx_contrastive.pipeline.report.sections.classifier import Classifier
from tfx_contrastive.pipeline.report.sections.comparison import Comparison
from tfx_contrastive.pipeline.report.sections.data import Data
from tfx_contrastive.pipeline.report.sections.graph import NODE_HEIGHT, NODE_WIDTH, Graph
from tfx_contrastive.pipeline.report.sections.label_budget import Benchmark, BudgetPoint
from tfx_contrastive.pipeline.report.sections.pretraining import Pretraining, Views
from tfx_contrastive.pipeline.report.sections.representation import EmbeddingMap, Representation
from tfx_contrastive.pipeline.report.sections.verdict import Verdict
from tfx_contrastive.pipeline.report.thumbnails import Sheet
from tfx_contrastive.pipeline.runs.lineage import Run

_STATE_MARKS = {"ran": "✓", "cached": "=", "failed": "✗", "running": "▸", "interrupted": "–"}
_DIGITS = 4


@dataclasses.dataclass(frozen=True)
class Report:
    """Everything that the page shows. A section that the run has not reached is None or empty."""

    run: Run
    verdict: Verdict
    graph: Graph
    data: Data | None
    views: Views | None
    pretraining: Pretraining | None
    representation: Representation | None
    classifier: Classifier | None
    budget_points: tuple[BudgetPoint, ...]
    benchmark: Benchmark | None
    comparison: Comparison | None
    gallery: Sheet
    points: Sheet


def render(report: Report) -> str:
    """Return the HTML document."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tfx_contrastive.pipeline.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        count=_count, share=_share, number=_number, signed=_signed, seconds=_seconds, chart=_chart_script
    )
    environment.globals.update(
        plots=plots,
        node_width=NODE_WIDTH,
        node_height=NODE_HEIGHT,
        state_marks=_STATE_MARKS,
        plotly=_packed_plotly(),
        version=__version__,
        written=datetime.datetime.now(datetime.timezone.utc),
    )
    embedding_map = report.representation.map if report.representation else None
    return environment.get_template("report.html").render(
        report=report,
        sections=_sections(report),
        sheets={"gallery": report.gallery, "points": report.points},
        map_data=_map_data(embedding_map, report.points.columns) if embedding_map else None,
    )


def _sections(report: Report) -> list[tuple[str, str]]:
    """Return the ids and titles of the sections, in their order."""
    sections = [
        ("verdict", "Verdict"),
        ("graph", "Pipeline"),
        ("data", "Data"),
        ("views", "Views"),
        ("pretraining", "Pretraining"),
        ("representation", "Representation"),
        ("classifier", "Classifier"),
    ]
    if report.budget_points or report.benchmark:
        sections.append(("labels", "Label efficiency"))
    if report.comparison:
        sections.append(("comparison", "Comparison"))
    return sections


def _packed_plotly() -> str:
    """Return plotly.js as gzip in base64: a fifth of its size; the browser unpacks it."""
    from plotly.offline import get_plotlyjs

    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), 9, mtime=0)).decode()


def _map_data(found: EmbeddingMap, columns: int) -> dict[str, Any]:
    """Return the columns of the map, with names as indices of one list; `columns` are those of its atlas."""
    names = sorted({name for name in (*found.labels, *found.predicted) if name is not None})
    numbers = {name: number for number, name in enumerate(names)}
    return {
        "names": names,
        "columns": columns,
        "layouts": {
            method: [[round(float(value), _DIGITS) for value in axis] for axis in points.T]
            for method, points in found.layouts.items()
        },
        "label": [-1 if label is None else numbers[label] for label in found.labels],
        "predicted": [numbers[name] for name in found.predicted],
        "confidence": [round(value, _DIGITS) for value in found.confidence],
        "tile": [-1 if tile is None else tile for tile in found.tiles],
        "source": list(found.sources),
    }


def _chart_script(figure: Any) -> markupsafe.Markup:
    return _json_text(plots.to_json(figure))


def _json_text(text: str) -> markupsafe.Markup:
    """Escape JSON for a script element, so that no text in it can end the element."""
    safe = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return markupsafe.Markup(safe)


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _share(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.1%}"


def _number(value: float | None) -> str:
    if value is None or math.isnan(value):
        return "–"
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) >= 10 else f"{value:.4g}"


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.4f}"


def _seconds(value: float) -> str:
    minutes, seconds = divmod(round(value), 60)
    return f"{minutes} min {seconds:02d} s" if minutes else f"{value:.1f} s"
