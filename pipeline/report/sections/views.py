"""Views: images, and what augmentation makes of them."""

import dataclasses
import json

import numpy as np
import tensorflow as tf

from tfx_contrastive.pipeline.report.samples import ImageSample
from tfx_contrastive.pipeline.report.thumbnails import Atlas
from tfx_contrastive.pipeline.runs import files
from tfx_contrastive.pipeline.runs.lineage import NodeRun, Run
from tfx_contrastive.trainer_module.config import PretrainConfig, TunerConfig
from tfx_contrastive.trainer_module.images import decode_images
from tfx_contrastive.trainer_module.views import make_views

NUM_IMAGES = 12
_BEST_HYPERPARAMETERS = "best_hyperparameters.txt"  # as TFX's Tuner calls it


@dataclasses.dataclass(frozen=True)
class ViewRow:
    """One image and its views, as numbers in the atlas."""

    label: str
    source: str
    original: int
    views: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Views:
    """The section.

    Attributes:
        rows: One an image.
        policy: (step, its parameters as text) in their order.
        num_small: How many of the views are small ones of multi-crop.
        pixels: The views, uint8 [N, V, H, W, C], the original first; small views are resized.
    """

    rows: tuple[ViewRow, ...]
    policy: tuple[tuple[str, str], ...]
    num_small: int
    pixels: np.ndarray


def collect_views(run: Run, sample: ImageSample | None, atlas: Atlas) -> Views | None:
    """Makes views as the Pretrainer of this run did; None if it has not run."""
    pretrainer = run.node("Pretrainer")
    if pretrainer is None or sample is None:
        return None
    config = pretrain_config(pretrainer)
    count = min(NUM_IMAGES, len(sample))

    @tf.function
    def make(encoded: tf.Tensor) -> list[tf.Tensor]:
        originals = decode_images(encoded, sample.image)
        return [originals, *make_views(originals, config.views, tf.constant([config.seed, 0]))]

    made = make(tf.constant(sample.encoded[:count]))
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


def pretrain_config(pretrainer: NodeRun) -> PretrainConfig:
    """The configuration by which a Pretrainer ran, the Tuner's choices included."""
    custom_config = json.loads(str(pretrainer.properties["custom_config"]))
    config = PretrainConfig.model_validate_json(custom_config["pretrain"])
    if not pretrainer.inputs.get("hyperparameters"):
        return config
    from tfx_contrastive.trainer_module.tuning import tuned  # imports KerasTuner, which few runs need

    (best,) = pretrainer.inputs["hyperparameters"]
    return tuned(
        config,
        TunerConfig.model_validate_json(custom_config["tuner"]),
        files.read_json(best.uri, _BEST_HYPERPARAMETERS),
    )


def _pixels(view: tf.Tensor, size: tf.TensorShape) -> np.ndarray:
    resized = tf.image.resize(tf.cast(view, tf.float32), size, method="nearest")
    return np.rint(resized.numpy()).clip(0, 255).astype(np.uint8)
