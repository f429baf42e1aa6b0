"""Gather the sections of a run and write the report."""

import logging
import pathlib
import time
from collections.abc import Sequence

from tfx_contrastive.pipeline.config import PipelineConfig
from tfx_contrastive.pipeline.report.sections.classifier import collect_classifier
from tfx_contrastive.pipeline.report.sections.comparison import compare
from tfx_contrastive.pipeline.report.sections.data import collect_data
from tfx_contrastive.pipeline.report.sections.graph import collect_graph
from tfx_contrastive.pipeline.report.sections.label_budget import (
    Benchmark,
    collect_budget_points,
    read_benchmark,
)
from tfx_contrastive.pipeline.report.sections.pretraining import collect_pretraining, collect_views
from tfx_contrastive.pipeline.report.sections.representation import collect_representation
from tfx_contrastive.pipeline.report.sections.verdict import collect_verdict
from tfx_contrastive.pipeline.report.thumbnails import Atlas
from tfx_contrastive.pipeline.runs.lineage import Lineage, find_run
from tfx_contrastive.pipeline.runs.metadata import reading_config
from tfx_contrastive.pipeline.runs.presence import interruption
from tfx_contrastive.pipeline.runs.record import RunRecord, last_blessed_before

from . import page, tensorboard

_GALLERY_TILE = 96
_POINT_TILE = 40
_log = logging.getLogger(__name__)


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
    path.write_text(page.render(report), encoding="utf-8")
    tensorboard.write(record, f"{config.root}/tensorboard/{record.run.id}", report.views)
    _log.info("report of run %s: %s, %.1f s", record.run.id, path, time.monotonic() - started)
    return path


def collect(
    record: RunRecord, records: Sequence[RunRecord], other: RunRecord | None, benchmark: Benchmark | None
) -> page.Report:
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
    return page.Report(
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
