"""Images that the report shows and asks the models about: a bounded sample of one split."""

import dataclasses
import functools
import json
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfx_contrastive.components.gates.samples import read_samples
from tfx_contrastive.contract.examples import EVAL, IMAGE, IMAGE_ID, LABEL, SOURCE, TRAIN
from tfx_contrastive.pipeline.runs import files
from tfx_contrastive.pipeline.runs.lineage import Run
from tfx_contrastive.trainer_module.config import ImageConfig
from tfx_contrastive.trainer_module.images import decode_image

MAX_IMAGES = 10_000


@dataclasses.dataclass(frozen=True)
class ImageSample:
    """Images of one split, the same ones for every report on the same data.

    Attributes:
        split: Where they are from.
        ids: SHA-256 of the pixels, hex.
        sources: Where the source has them.
        encoded: Their bytes.
        labels: Class names; None where unknown.
        examples: Serialized tf.train.Example, object [N] of bytes.
        image: The shape to which the run's models bring every image.
    """

    split: str
    ids: tuple[str, ...]
    sources: tuple[str, ...]
    encoded: tuple[bytes, ...]
    labels: tuple[str | None, ...]
    examples: np.ndarray
    image: ImageConfig

    def __len__(self) -> int:
        return len(self.ids)

    def pixels(self, index: int) -> np.ndarray:
        """Return an image as the models see it, uint8 [H, W, C]: framed, resized, converted."""
        return self._decode(tf.constant(self.encoded[index])).numpy()

    @functools.cached_property
    def _decode(self) -> Callable[[tf.Tensor], tf.Tensor]:
        signature = [tf.TensorSpec([], tf.string)]
        return tf.function(lambda contents: decode_image(contents, self.image), input_signature=signature)


def evaluation_sample(run: Run) -> ImageSample | None:
    """Labelled images of `eval`; without any, images of `train`; None without examples or Transform."""
    artifact = files.finished_output(run, "ImageExampleGen", "examples")
    image = image_config(run)
    if artifact is None or image is None:
        return None
    _, labelled = read_samples([files.split_dir(artifact, EVAL)], 0, MAX_IMAGES)
    if len(labelled):
        return _sample(EVAL, labelled.examples, image)
    anything, _ = read_samples([files.split_dir(artifact, TRAIN)], MAX_IMAGES, 0)
    return _sample(TRAIN, anything.examples, image) if len(anything) else None


def image_config(run: Run) -> ImageConfig | None:
    """Return the shape to which Transform brings images; None if it has not finished in this run."""
    transform = files.finished_node(run, "Transform")
    if transform is None:
        return None
    return ImageConfig.model_validate_json(json.loads(str(transform.properties["custom_config"]))["image"])


def _sample(split: str, examples: np.ndarray, image: ImageConfig) -> ImageSample:
    text = {key: tf.io.FixedLenFeature([], tf.string) for key in (IMAGE_ID, SOURCE, IMAGE)}
    parsed = tf.io.parse_example(
        examples, {**text, LABEL: tf.io.FixedLenFeature([], tf.string, default_value="")}
    )
    columns = {key: value.numpy() for key, value in parsed.items()}
    return ImageSample(
        split,
        tuple(_text(value) for value in columns[IMAGE_ID]),
        tuple(_text(value) for value in columns[SOURCE]),
        tuple(columns[IMAGE]),
        tuple(_text(value) or None for value in columns[LABEL]),
        examples,
        image,
    )


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
