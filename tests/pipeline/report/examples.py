"""A whole report with made-up figures and hostile names, for tests of the page itself."""

import datetime
from typing import Any

import numpy as np
from PIL import Image

from tfx_contrastive.components.anomaly_gate.anomalies import Anomaly
from tfx_contrastive.components.evaluation.results import SliceMetrics
from tfx_contrastive.pipeline.report import writing
from tfx_contrastive.pipeline.report.sections.classifier import collect_classifier
from tfx_contrastive.pipeline.report.sections.comparison import Change, Comparison, Delta, Side
from tfx_contrastive.pipeline.report.sections.data import Data, Distribution, Histogram, SetAside, SplitCounts
from tfx_contrastive.pipeline.report.sections.graph import collect_graph
from tfx_contrastive.pipeline.report.sections.label_budget import Benchmark, BenchmarkPoint, BudgetPoint
from tfx_contrastive.pipeline.report.sections.pretraining import Curve, Pretraining, ViewRow, Views
from tfx_contrastive.pipeline.report.sections.representation import collect_representation
from tfx_contrastive.pipeline.report.sections.verdict import collect_verdict
from tfx_contrastive.pipeline.report.thumbnails import Atlas
from tfx_contrastive.pipeline.runs.evaluation import Evaluation
from tfx_contrastive.pipeline.runs.images import ImageSample, Predictions, Seen
from tfx_contrastive.pipeline.runs.lineage import Artifact, NodeRun, Run
from tfx_contrastive.pipeline.runs.record import RunRecord
from tfx_contrastive.pipeline.runs.training_log import Series
from tfx_contrastive.trainer_module.config import ImageConfig

HOSTILE = '</script><img src=x onerror="window.hacked=1">&\'"'
CLASSES = ("Hose", "Schuh/Größe 42", HOSTILE)
NUM_IMAGES = 60


def node(
    number: Any,
    node_id: Any,
    state: Any = "ran",
    inputs: Any = None,
    outputs: Any = None,
    properties: Any = None,
) -> Any:
    return NodeRun(
        id=node_id,
        execution_id=number,
        state=state,
        started=datetime.datetime(2026, 11, 24, 9, number, tzinfo=datetime.timezone.utc),
        seconds=1.5 * number,
        properties=properties or {},
        inputs=inputs or {},
        outputs=outputs or {},
    )


def artifact(number: Any, kind: Any, **properties: Any) -> Any:
    return Artifact(number, kind, f"/runs/{kind}/{number}", properties)


def example_run(run_id: Any = "20261124-090000", blessed: Any = 1, state: Any = "ran") -> Any:
    """A run of six nodes, two of them side by side."""
    examples, quarantine = (artifact(1, "Examples"),), (artifact(2, "Quarantine"),)
    statistics, graph = (artifact(3, "ExampleStatistics"),), (artifact(4, "TransformGraph"),)
    model, blessing = (artifact(5, "Model"),), (artifact(6, "ModelBlessing", blessed=blessed),)
    pushed = artifact(7, "PushedModel", pushed=1, pushed_destination="/serving/1764000000")
    ingest = {"ingest": '{"source": {"kind": "image_folder"}, "labels_per_class": 5}'}
    return Run(
        run_id,
        "shop",
        (
            node(
                1, "ImageExampleGen", "cached", {}, {"examples": examples, "quarantine": quarantine}, ingest
            ),
            node(2, "StatisticsGen", "cached", {"examples": examples}, {"statistics": statistics}),
            node(3, "Transform", "ran", {"examples": examples}, {"transform_graph": graph}),
            node(4, "Pretrainer", "ran", {"examples": examples, "transform_graph": graph}, {"model": model}),
            node(5, "RepresentationGate", state, {"model": model}, {"blessing": blessing}),
            node(6, "Pusher", "ran", {"model": model, "blessing": blessing}, {"pushed_model": (pushed,)}),
        ),
    )


def example_record(run: Any = None, evaluations: Any = (), **contents: Any) -> Any:
    """The record of a run with the contents of its artifacts given, so that no file is read.

    Args:
        run: The run.
        evaluations: Those of the Evaluators.
        contents: Property of `RunRecord` -> content.
    """
    record = RunRecord(run or example_run())
    for name, content in {"representation": {}, "seen": None, **contents}.items():
        setattr(record, name, content)
    record._evaluations = {"test": None, "eval": None} | {each.split: each for each in evaluations}
    return record


def example_report(run: Any = None, with_comparison: Any = True) -> Any:
    """Every section filled."""
    run = run or example_run()
    gallery, points = Atlas(48), Atlas(24)
    evaluations = (example_evaluation("test"), example_evaluation("eval"))
    record = example_record(run, evaluations, seen=example_seen())
    data = example_data(gallery)
    representation = collect_representation(record, points, gallery)
    return writing.Report(
        run=run,
        verdict=collect_verdict(record, data, representation, example_comparison()),
        graph=collect_graph(run),
        data=data,
        views=example_views(gallery),
        pretraining=Pretraining(
            (("encoder", "c4n"),),
            (Curve("Loss", "Falls.", Series("pretrain/loss", (50, 100, 150), (5.0, float("nan"), 3.5))),),
            ((100, f"step 100: {HOSTILE}"),),
        ),
        representation=representation,
        classifier=collect_classifier(record, gallery),
        budget_points=(
            BudgetPoint("a", 5, 15, "fine_tune", 0.7, "test"),
            BudgetPoint("b", 20, 60, "fine_tune", 0.8, "test"),
        ),
        benchmark=Benchmark(
            "Fashion-MNIST",
            (
                BenchmarkPoint("linear probe", 4, 0.6, 0.5, 0.7, 3),
                BenchmarkPoint("linear probe", None, 0.8, 0.8, 0.8, 1),
                BenchmarkPoint(HOSTILE, 4, 0.65, 0.6, 0.7, 2),
            ),
        ),
        comparison=example_comparison() if with_comparison else None,
        gallery=gallery.sheet(),
        points=points.sheet(),
    )


def example_seen() -> Any:
    random = np.random.default_rng(7)
    labels = [CLASSES[index % 3] for index in range(NUM_IMAGES)]
    encoded = [png(random.integers(0, 255, (12, 16, 3), np.uint8)) for _ in range(NUM_IMAGES)]
    sample = ImageSample(
        "eval",
        tuple(f"{index:064x}" for index in range(NUM_IMAGES)),
        tuple(f"{HOSTILE}/{index}.png" for index in range(NUM_IMAGES)),
        tuple(encoded),
        tuple(labels),
        ImageConfig(height=12, width=16, channels=3),
    )
    embeddings = random.normal(size=(NUM_IMAGES, 8)) + 3 * np.eye(3, 8)[np.arange(NUM_IMAGES) % 3]
    embeddings = (embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)).astype(np.float32)
    probabilities = random.dirichlet([1, 1, 1], NUM_IMAGES).astype(np.float32)
    return Seen(sample, embeddings, Predictions(CLASSES, probabilities, np.arange(NUM_IMAGES) % 3))


def example_evaluation(split: Any) -> Any:
    values = {"example_count": 60.0, "accuracy": 0.75, "macro_f1": 0.74}
    confusion = {(0, 0): 15.0, (0, 1): 5.0, (1, 1): 20.0, (2, 2): 10.0, (2, 0): 10.0}
    overall = SliceMetrics("", values, {"recall": {0: 0.75, 1: 1.0, 2: 0.5}}, confusion, {"accuracy": 0.7})
    one = SliceMetrics(f"label:{HOSTILE}", {"example_count": 20.0, "accuracy": 0.5}, {}, {}, {})
    if split == "eval":
        return Evaluation(split, 9, (overall, one), ())
    without = SliceMetrics("near_copy:none", {"example_count": 20.0, "accuracy": 0.35}, {}, {}, {})
    copies = SliceMetrics("near_copy:train", {"example_count": 40.0, "accuracy": 0.95}, {}, {}, {})
    return Evaluation(split, 9, (overall, one, without, copies), ())


def example_data(gallery: Any) -> Any:
    histogram = Histogram("train", (0.0, 0.5, 1.0), (40.0, 20.0), 0.01, 0.4, 0.99)
    constant = Histogram("train", (28.0, 28.0), (60.0,), 28.0, 28.0, 28.0)
    shown = gallery.add_pixels("quarantine/0", np.full((9, 30, 1), 127, np.uint8))
    return Data(
        source="image_folder",
        labels_per_class=5,
        max_bad_fraction=0.05,
        read=64,
        labels_hidden=45,
        splits=(SplitCounts("train", 45, dict.fromkeys(CLASSES, 5), 30), SplitCounts("eval", 15, {}, 15)),
        class_names=CLASSES,
        reasons={"blank": 1, "not_an_image": 1},
        shown=(
            SetAside(f"{HOSTILE}.png", "blank", "all pixels are the same", shown),
            SetAside("b.png", "not_an_image", "starts with 3c68746d", None),
        ),
        duplicates={"same_split": 2, "across_splits": 0},
        passed_over={".txt files": 3},
        warnings=(f"the classes {HOSTILE} and 'cat' differ only in case",),
        anomalies=(Anomaly("eval", "label", "WARNING", "Unexpected string values", HOSTILE),),
        distributions=(
            Distribution("brightness", "Brightness", "mean pixel", (histogram,)),
            Distribution("width", "Width", "pixels", (constant,)),
        ),
        facets=f"<p>{HOSTILE}</p>",
    )


def example_views(gallery: Any) -> Any:
    pixels = np.random.default_rng(3).integers(0, 255, (2, 3, 12, 12, 1), np.uint8)
    rows = []
    for row, pictures in enumerate(pixels):
        numbers = [gallery.add_pixels(f"v/{row}/{n}", picture) for n, picture in enumerate(pictures)]
        rows.append(ViewRow(HOSTILE, "a.png", numbers[0], tuple(numbers[1:])))
    return Views(tuple(rows), (("crop", "min_area 0.25"),), 0, pixels)


def example_comparison() -> Any:
    series = Series("pretrain/loss", (50, 100), (6.0, 5.0))
    return Comparison(
        Side("20261123-080000", "2026-11-23 08:00 UTC", "ran", "blessed", "1763900000", 30.0),
        Side("20261124-090000", "2026-11-24 09:00 UTC", "ran", "blessed", "1764000000", 31.5),
        (
            Delta("classifier, test", "accuracy", 0.7, 0.75, True),
            Delta("classifier, test", "calibration error", 0.02, 0.03, False),
            Delta("encoder, eval", "kNN probe", None, 0.8, True),
        ),
        (Change("Pretrainer", "custom_config.pretrain.seed", "0", HOSTILE),),
        {"pretrain/loss": (series, series)},
    )


def png(pixels: Any) -> Any:
    import io

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
