"""Gathers the sections of a run and writes the report."""

import logging
import pathlib
import time

from tfx_contrastive.pipeline.config import PipelineConfig
from tfx_contrastive.pipeline.report.models import ServedModel
from tfx_contrastive.pipeline.report.samples import evaluation_sample
from tfx_contrastive.pipeline.report.sections.classifier import collect_classifier
from tfx_contrastive.pipeline.report.sections.comparison import compare
from tfx_contrastive.pipeline.report.sections.data import collect_data
from tfx_contrastive.pipeline.report.sections.graph import collect_graph
from tfx_contrastive.pipeline.report.sections.label_budget import (
    Benchmark,
    collect_budget_points,
    read_benchmark,
)
from tfx_contrastive.pipeline.report.sections.pretraining import collect_pretraining
from tfx_contrastive.pipeline.report.sections.representation import Seen, collect_representation
from tfx_contrastive.pipeline.report.sections.verdict import collect_verdict
from tfx_contrastive.pipeline.report.sections.views import collect_views
from tfx_contrastive.pipeline.report.thumbnails import Atlas
from tfx_contrastive.pipeline.runs import files
from tfx_contrastive.pipeline.runs.evaluations import collect_evaluations
from tfx_contrastive.pipeline.runs.lineage import Lineage, Run
from tfx_contrastive.pipeline.runs.metadata import reading_config
from tfx_contrastive.pipeline.runs.presence import interruption
from tfx_contrastive.pipeline.runs.standing import last_blessed_before, standing_of

from . import page, tensorboard

_GALLERY_TILE = 96
_POINT_TILE = 40
_log = logging.getLogger(__name__)


def write(
    config: PipelineConfig,
    run_id: str | None,
    compare_with: str | None,
    out: pathlib.Path | None,
    benchmark: pathlib.Path | None,
) -> pathlib.Path:
    """See `tfx_contrastive.pipeline.report.write_report`."""
    started = time.monotonic()
    lineage = Lineage(reading_config(config), config.name, interruption(config))
    run = lineage.run(run_id)
    other = lineage.run(compare_with) if compare_with else None
    runs = lineage.runs()
    gallery, points = Atlas(_GALLERY_TILE), Atlas(_POINT_TILE)

    evaluations = collect_evaluations(run)
    data = collect_data(run, gallery)
    seen = look(run)
    views = collect_views(run, seen.sample if seen else evaluation_sample(run), gallery)
    representation = collect_representation(run, seen, points, gallery)
    blessed = last_blessed_before(run, runs)
    report = page.Report(
        run=run,
        verdict=collect_verdict(
            run,
            data,
            representation,
            evaluations,
            compare(blessed, run, evaluations, curves=False) if blessed else None,
        ),
        graph=collect_graph(run),
        data=data,
        views=views,
        pretraining=collect_pretraining(run),
        representation=representation,
        classifier=collect_classifier(seen, evaluations, gallery, standing_of(run).baseline),
        budget_points=collect_budget_points(run, runs, evaluations),
        benchmark=_benchmark(config, benchmark),
        comparison=compare(other, run, evaluations, curves=True) if other else None,
        gallery=gallery.sheet(),
        points=points.sheet(),
    )
    path = out or pathlib.Path(config.root) / "reports" / f"{run.id}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page.render(report), encoding="utf-8")
    tensorboard.write(run, f"{config.root}/tensorboard/{run.id}", seen, views)
    _log.info("report of run %s: %s, %.1f s", run.id, path, time.monotonic() - started)
    return path


def _benchmark(config: PipelineConfig, given: pathlib.Path | None) -> Benchmark | None:
    if given is not None:
        return read_benchmark(given)
    usual = pathlib.Path(config.root, "label_efficiency.json")
    return read_benchmark(usual) if usual.exists() else None


def look(run: Run) -> Seen | None:
    """Asks the run's models about the sample; None if there is no encoder or no image."""
    encoder = files.finished_output(run, "Pretrainer", "model")
    sample = evaluation_sample(run)
    if encoder is None or sample is None:
        return None
    embeddings = ServedModel(files.saved_model_dir(encoder)).embed(sample.encoded)
    classifier = files.finished_output(run, "Trainer", "model")
    predictions = None
    if classifier is not None:
        model = ServedModel(files.saved_model_dir(classifier))
        predictions = model.classify(sample.encoded, sample.labels)
    return Seen(sample, embeddings, predictions)
