"""Pretraining: what was logged step by step, and the warnings that fired."""

import dataclasses

from pipeline.lineage import Run
from pipeline.report import files
from pipeline.report.scalars import Series, read_logged
from pipeline.report.sections.views import pretrain_config

# tag -> (title, how to read it), in the order of the report.
_CURVES = {
    "pretrain/loss": ("Loss", "Falls, steeply at first. At the level of chance nothing is learned."),
    "pretrain/contrastive_accuracy": (
        "Contrastive accuracy",
        "Share of views that find their partner in the batch. Rises; near 1 early on, views are too easy.",
    ),
    "pretrain/knn_probe": (
        "kNN probe",
        "Accuracy of nearest neighbours on a small labelled subset. What pretraining is for: it should rise.",
    ),
    "pretrain/effective_rank": (
        "Effective rank",
        "In how many directions embeddings differ. A fall to 1 or 2 is a collapse.",
    ),
    "pretrain/embedding_std": (
        "Spread of embeddings",
        "1: evenly spread over the sphere. 0: collapsed to one point.",
    ),
    "pretrain/images_per_second": ("Throughput", "Images a second, probes left out."),
}
_PROBLEMS_TAG = "pretrain/problems"


@dataclasses.dataclass(frozen=True)
class Curve:
    """One scalar with its title and how to read it."""

    title: str
    reading: str
    series: Series


@dataclasses.dataclass(frozen=True)
class Pretraining:
    """The section: settings by name, curves, and (step, text) of each warning."""

    settings: tuple[tuple[str, str], ...]
    curves: tuple[Curve, ...]
    warnings: tuple[tuple[int, str], ...]

    @property
    def rows(self) -> tuple[tuple[int, tuple[float | None, ...]], ...]:
        """Every step that was logged with the value of each curve, None where it has none."""
        columns = [dict(zip(c.series.steps, c.series.values, strict=True)) for c in self.curves]
        steps = sorted({step for column in columns for step in column})
        return tuple((step, tuple(column.get(step) for column in columns)) for step in steps)


def collect_pretraining(run: Run) -> Pretraining | None:
    """Reads the log of the Pretrainer, also of one that failed; None if it has not run."""
    node = run.node("Pretrainer")
    if node is None or not node.outputs.get("model_run"):
        return None
    logged = read_logged(node.output("model_run").uri)
    titles = {**_CURVES, **{s.tag: (s.tag, "") for s in logged.series if s.tag not in _CURVES}}
    curves = [
        Curve(title, reading, series)
        for tag, (title, reading) in titles.items()
        if (series := logged.find(tag)) is not None
    ]
    warnings = [(step, text) for step, tag, text in logged.texts if tag == _PROBLEMS_TAG]
    config = pretrain_config(str(node.properties["custom_config"]))
    objective = ", ".join(f"{key} {value}" for key, value in config.objective.params.items())
    settings = (
        ("encoder", config.encoder.name),
        ("objective", f"{config.objective.name} ({objective})" if objective else config.objective.name),
        ("steps", f"{config.num_steps:,}"),
        ("batch", f"{config.batch_size:,} images"),
        ("learning rate", f"{config.optimizer.learning_rate:g}"),
        ("seed", str(config.seed)),
    )
    return Pretraining(settings, tuple(curves), tuple(warnings))


def logged_series(run: Run) -> tuple[Series, ...]:
    """Scalars of a run's pretraining; empty if it has none."""
    artifact = files.finished_output(run, "Pretrainer", "model_run")
    return read_logged(artifact.uri).series if artifact else ()
