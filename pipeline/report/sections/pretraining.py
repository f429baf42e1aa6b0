"""The sections on pretraining: augmented views of images, curves of the training, and its warnings."""

import dataclasses

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfx_contrastive.pipeline.report.thumbnails import Atlas
from tfx_contrastive.pipeline.runs.record import RunRecord
from tfx_contrastive.pipeline.runs.training_log import Series
from tfx_contrastive.trainer_module.images import decode_images
from tfx_contrastive.trainer_module.views.compose import make_views

NUM_IMAGES = 12
# tag -> (title, how to read it), in the order of the report. RepresentationGate measures some of these too,
# on more images: `in training` tells them apart.
_LOSS, _PROBE = "pretrain/loss", "pretrain/knn_probe"
_CURVES = {
    _LOSS: (
        "Loss",
        "It falls, steeply at first. A loss at the level of chance means that nothing is learned.",
    ),
    "pretrain/contrastive_accuracy": (
        "Contrastive accuracy",
        "Share of views that find their partner in the batch. It rises; near 1 early on, views are too easy.",
    ),
    _PROBE: (
        "kNN probe in training",
        "Accuracy of nearest neighbors on a small labeled subset. It should rise.",
    ),
    "pretrain/effective_rank": (
        "Effective rank in training",
        "Number of directions in which embeddings differ. A fall to 1 or 2 is a collapse.",
    ),
    "pretrain/embedding_std": (
        "Spread of embeddings in training",
        "1: evenly spread over the sphere. 0: collapsed to one point.",
    ),
    "pretrain/images_per_second": ("Throughput", "Images per second, without the time of probes."),
}
_PROBLEMS_TAG = "pretrain/problems"
# Least span of the axis of a share (0 to 1): a shorter axis would make noise look like a change.
_LEAST_SPAN = {"pretrain/contrastive_accuracy": 0.2, _PROBE: 0.2, "pretrain/embedding_std": 0.2}


@dataclasses.dataclass(frozen=True)
class Curve:
    """One scalar with its title and how to read it.

    Attributes:
        title: Title of the plot.
        reading: A sentence on how to read it.
        series: The values.
        chance: Value of a run that learns nothing; None if there is no such value.
        least_span: Least span of the axis.
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
        """Steps at which a warning fired; evenly spaced ones of them if there are very many."""
        steps = sorted({step for step, _ in self.warnings})
        return tuple(steps[:: -(-len(steps) // 20) or 1])

    @property
    def rows(self) -> tuple[tuple[int, tuple[float | None, ...]], ...]:
        """Every logged step with the value of each curve; None where a curve has no value."""
        columns = [dict(zip(c.series.steps, c.series.values, strict=True)) for c in self.curves]
        steps = sorted({step for column in columns for step in column})
        return tuple((step, tuple(column.get(step) for column in columns)) for step in steps)


@dataclasses.dataclass(frozen=True)
class ViewRow:
    """One image and its views, as numbers of tiles in the atlas."""

    label: str
    source: str
    original: int
    views: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Views:
    """The section.

    Attributes:
        rows: One row per image.
        policy: (name, parameters as text) of each augmentation step, in their order.
        num_small: Number of small views per image (multi-crop).
        pixels: The images and their views, uint8 [N, V, H, W, C]; the original comes first, small views are
            resized.
    """

    rows: tuple[ViewRow, ...]
    policy: tuple[tuple[str, str], ...]
    num_small: int
    pixels: npt.NDArray[np.uint8]


def collect_pretraining(record: RunRecord) -> Pretraining | None:
    """Gather the section, also of a Pretrainer that failed; None without a log."""
    logged, config = record.pretraining_log, record.pretraining
    if logged is None or config is None:
        return None
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
    """Return the step whose encoder was kept: the last step, or the last of the best by kNN probe."""
    if rule != "best" or probe is None:
        return "the last step"
    best = max(zip(probe.values, probe.steps, strict=True))
    return f"step {best[1]:,}, the best by kNN probe"


def collect_views(record: RunRecord, atlas: Atlas) -> Views | None:
    """Augment some images as the Pretrainer of the run did; None without a Pretrainer or images."""
    if record.run.node("Pretrainer") is None or record.sample is None:
        return None
    config, sample = record.pretraining, record.sample
    assert config is not None  # the Pretrainer has one
    count = min(NUM_IMAGES, len(sample))

    def make(encoded: tf.Tensor) -> list[tf.Tensor]:
        originals = decode_images(encoded, sample.image)
        return [originals, *make_views(originals, config.views, tf.constant([config.seed, 0]))]

    made = tf.function(make)(tf.constant(sample.encoded[:count]))
    size = made[0].shape[1:3]
    stacked = np.stack([_pixels(view, size) for view in made], axis=1)  # [N, V, H, W, C]
    rows = []
    for row in range(count):
        numbers = [
            atlas.add_pixels(f"view/{row}/{column}", picture) for column, picture in enumerate(stacked[row])
        ]
        rows.append(ViewRow(sample.labels[row] or "", sample.sources[row], numbers[0], tuple(numbers[1:])))
    policy = tuple((step.name, step.described()) for step in config.views.policy)
    return Views(tuple(rows), policy, config.views.small.count, stacked)


def _pixels(view: tf.Tensor, size: tf.TensorShape) -> npt.NDArray[np.uint8]:
    resized = tf.image.resize(tf.cast(view, tf.float32), size, method="nearest")
    pixels: npt.NDArray[np.uint8] = np.rint(resized.numpy()).clip(0, 255).astype(np.uint8)
    return pixels
