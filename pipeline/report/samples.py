"""Images that the report shows and asks the models about: a bounded sample of one split."""

import dataclasses

import numpy as np
import tensorflow as tf

from components.representation_gate.samples import read_samples
from pipeline.lineage import Run
from pipeline.report import files

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
    """

    split: str
    ids: tuple[str, ...]
    sources: tuple[str, ...]
    encoded: tuple[bytes, ...]
    labels: tuple[str | None, ...]
    examples: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


def evaluation_sample(run: Run) -> ImageSample | None:
    """Labelled images of `eval`; without any, images of `train`; None without examples."""
    artifact = files.finished_output(run, "ImageExampleGen", "examples")
    if artifact is None:
        return None
    _, labelled = read_samples([files.split_dir(artifact, "eval")], 0, MAX_IMAGES)
    if len(labelled):
        return _sample("eval", labelled.examples)
    anything, _ = read_samples([files.split_dir(artifact, "train")], MAX_IMAGES, 0)
    return _sample("train", anything.examples) if len(anything) else None


def _sample(split: str, examples: np.ndarray) -> ImageSample:
    text = {key: tf.io.FixedLenFeature([], tf.string) for key in ("image_id", "source", "image")}
    parsed = tf.io.parse_example(
        examples, {**text, "label": tf.io.FixedLenFeature([], tf.string, default_value="")}
    )
    columns = {key: value.numpy() for key, value in parsed.items()}
    return ImageSample(
        split,
        tuple(_text(value) for value in columns["image_id"]),
        tuple(_text(value) for value in columns["source"]),
        tuple(columns["image"]),
        tuple(_text(value) or None for value in columns["label"]),
        examples,
    )


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
