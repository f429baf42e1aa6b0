"""Gather the sections of a run, render them as one HTML document, and write it with a TensorBoard directory.

The document needs no other file and no network.
"""

import base64
import dataclasses
import datetime
import gzip
import logging
import math
import pathlib
import time
from collections.abc import Sequence
from typing import Any

import jinja2
import markupsafe

from tfx_contrastive import __version__
from tfx_contrastive.pipeline.config import PipelineConfig
from tfx_contrastive.pipeline.report import plots, tensorboard
from tfx_contrastive.pipeline.report.sections.classifier import Classifier, collect_classifier
from tfx_contrastive.pipeline.report.sections.comparison import Comparison, compare, last_blessed_before
from tfx_contrastive.pipeline.report.sections.data import Data, collect_data
from tfx_contrastive.pipeline.report.sections.graph import NODE_HEIGHT, NODE_WIDTH, Graph, collect_graph
from tfx_contrastive.pipeline.report.sections.label_budget import (
    Benchmark,
    BudgetPoint,
    collect_budget_points,
    read_benchmark,
)
from tfx_contrastive.pipeline.report.sections.pretraining import (
    Pretraining,
    Views,
    collect_pretraining,
    collect_views,
)
from tfx_contrastive.pipeline.report.sections.representation import (
    EmbeddingMap,
    Representation,
    collect_representation,
)
from tfx_contrastive.pipeline.report.sections.verdict import Verdict, collect_verdict
from tfx_contrastive.pipeline.report.thumbnails import Atlas, Sheet
from tfx_contrastive.pipeline.runs.lineage import Lineage, Run, find_run
from tfx_contrastive.pipeline.runs.metadata import reading_config
from tfx_contrastive.pipeline.runs.presence import interruption
from tfx_contrastive.pipeline.runs.record import RunRecord

_GALLERY_TILE = 96
_POINT_TILE = 40
_STATE_MARKS = {"ran": "✓", "cached": "=", "failed": "✗", "running": "▸", "interrupted": "–"}
_DIGITS = 4
_log = logging.getLogger(__name__)


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


def write(
    config: PipelineConfig,
    run: str | None,
    compare_with: str | None,
    out: pathlib.Path | None,
    benchmark: pathlib.Path | None,
) -> pathlib.Path:
    """Write the report; see `tfx_contrastive.pipeline.report.write_report`."""
    started = time.monotonic()
    lineage = Lineage(reading_config(config), config.name, interruption(config))
    runs = lineage.runs()
    records = {each.id: RunRecord(each) for each in runs}
    record = records[find_run(runs, run, config.name).id]
    other = records[find_run(runs, compare_with, config.name).id] if compare_with else None
    report = collect(record, tuple(records.values()), other, _benchmark(config, benchmark))
    path = out or pathlib.Path(config.root) / "reports" / f"{record.run.id}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(report), encoding="utf-8")
    tensorboard.write(record, f"{config.root}/tensorboard/{record.run.id}", report.views)
    _log.info("report of run %s: %s, %.1f s", record.run.id, path, time.monotonic() - started)
    return path


def collect(
    record: RunRecord, records: Sequence[RunRecord], other: RunRecord | None, benchmark: Benchmark | None
) -> Report:
    """Gather every section.

    Args:
        record: The run of the report.
        records: Every run of the pipeline, the newest first.
        other: A run to compare with; None for no comparison.
        benchmark: A result of the label-efficiency benchmark; None without one.
    """
    gallery, points = Atlas(_GALLERY_TILE), Atlas(_POINT_TILE)
    data = collect_data(record, gallery)
    views = collect_views(record, gallery)
    representation = collect_representation(record, points, gallery)
    blessed = last_blessed_before(record, records)
    changes = compare(blessed, record, curves=False) if blessed else None
    return Report(
        run=record.run,
        verdict=collect_verdict(record, data, representation, changes),
        graph=collect_graph(record.run),
        data=data,
        views=views,
        pretraining=collect_pretraining(record),
        representation=representation,
        classifier=collect_classifier(record, gallery),
        budget_points=collect_budget_points(record, records),
        benchmark=benchmark,
        comparison=compare(other, record, curves=True) if other else None,
        gallery=gallery.sheet(),
        points=points.sheet(),
    )


def _benchmark(config: PipelineConfig, given: pathlib.Path | None) -> Benchmark | None:
    if given is not None:
        return read_benchmark(given)
    usual = pathlib.Path(config.root, "label_efficiency.json")
    return read_benchmark(usual) if usual.exists() else None


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
    return markupsafe.Markup(safe)  # noqa: S704 escaped in the line above


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
