"""Pretraining: what was logged step by step, and the warnings that fired."""

import dataclasses

from tfx_contrastive.pipeline.report.scalars import Series, read_logged
from tfx_contrastive.pipeline.report.sections.views import pretrain_config
from tfx_contrastive.pipeline.runs import files
from tfx_contrastive.pipeline.runs.lineage import Run

# tag -> (title, how to read it), in the order of the report.
_LOSS, _PROBE = "pretrain/loss", "pretrain/knn_probe"
_CURVES = {
    _LOSS: ("Loss", "Falls, steeply at first. At the level of chance nothing is learned."),
    "pretrain/contrastive_accuracy": (
        "Contrastive accuracy",
        "Share of views that find their partner in the batch. Rises; near 1 early on, views are too easy.",
    ),
    _PROBE: (
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
# Shares, from 0 to 1: an axis that spans less than this makes noise look like news.
_LEAST_SPAN = {"pretrain/contrastive_accuracy": 0.2, _PROBE: 0.2, "pretrain/embedding_std": 0.2}


@dataclasses.dataclass(frozen=True)
class Curve:
    """One scalar with its title and how to read it.

    Attributes:
        title: Its name for a reader.
        reading: How to read it.
        series: The values.
        chance: The value of a run that learns nothing; None where there is no such value.
        least_span: What the axis shows at least.
    """

    title: str
    reading: str
    series: Series
    chance: float | None = None
    least_span: float = 0.0


@dataclasses.dataclass(frozen=True)
class Pretraining:
    """The section: settings by name, curves, and (step, text) of each warning."""

    settings: tuple[tuple[str, str], ...]
    curves: tuple[Curve, ...]
    warnings: tuple[tuple[int, str], ...]

    @property
    def warned_steps(self) -> tuple[int, ...]:
        """Steps at which a warning fired; of very many, evenly chosen ones."""
        steps = sorted({step for step, _ in self.warnings})
        return tuple(steps[:: -(-len(steps) // 20) or 1])

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
    config = pretrain_config(node)
    chance_loss = config.objective.spec.chance_loss
    chance = {_LOSS: chance_loss(config.batch_size)} if chance_loss else {}
    titles = {**_CURVES, **{s.tag: (s.tag, "") for s in logged.series if s.tag not in _CURVES}}
    curves = [
        Curve(title, reading, series, chance.get(tag), _LEAST_SPAN.get(tag, 0.0))
        for tag, (title, reading) in titles.items()
        if (series := logged.find(tag)) is not None
    ]
    warnings = [(step, text) for step, tag, text in logged.texts if tag == _PROBLEMS_TAG]
    objective = ", ".join(f"{key} {value}" for key, value in config.objective.params.items())
    settings = (
        ("encoder", config.encoder.name),
        ("objective", f"{config.objective.name} ({objective})" if objective else config.objective.name),
        ("steps", f"{config.num_steps:,}"),
        ("batch", f"{config.batch_size:,} images"),
        ("learning rate", f"{config.optimizer.learning_rate:g}"),
        ("seed", str(config.seed)),
        ("kept", _kept(config.watch.keep, logged.find(_PROBE))),
    )
    return Pretraining(settings, tuple(curves), tuple(warnings))


def _kept(rule: str, probe: Series | None) -> str:
    """Which encoder goes on: the last, or of the best by kNN probe the latest."""
    if rule != "best" or probe is None:
        return "the last step"
    best = max(zip(probe.values, probe.steps, strict=True))
    return f"step {best[1]:,}, the best by kNN probe"


def logged_series(run: Run) -> tuple[Series, ...]:
    """Scalars of a run's pretraining; empty if it has none."""
    artifact = files.finished_output(run, "Pretrainer", "model_run")
    return read_logged(artifact.uri).series if artifact else ()
