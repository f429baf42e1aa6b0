"""A bounded sample of the images of a run, and the answers of the run's models to them."""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfx_contrastive.components.gates.samples import read_samples
from tfx_contrastive.components.model.served import ServedModel
from tfx_contrastive.contract.examples import EVAL, IMAGE, IMAGE_ID, LABEL, SOURCE, TRAIN
from tfx_contrastive.trainer_module.config import ImageConfig
from tfx_contrastive.trainer_module.images import decode_image

from .lineage import Artifact

MAX_IMAGES = 10_000


@dataclasses.dataclass(frozen=True)
class ImageSample:
    """N images of one split, the same ones for every report on the same data.

    Attributes:
        split: Name of the split.
        ids: SHA-256 of the pixels of each image, hex.
        sources: Path of each image in the data source.
        encoded: The encoded images.
        labels: Class names; None where the label is unknown.
        image: The shape to which the run's models bring every image.
    """

    split: str
    ids: tuple[str, ...]
    sources: tuple[str, ...]
    encoded: tuple[bytes, ...]
    labels: tuple[str | None, ...]
    image: ImageConfig

    def __len__(self) -> int:
        return len(self.ids)

    def pixels(self, index: int) -> npt.NDArray[np.uint8]:
        """Return an image as the models see it (framed, resized, converted), uint8 [H, W, C]."""
        pixels: npt.NDArray[np.uint8] = self._decode(tf.constant(self.encoded[index])).numpy()
        return pixels

    @functools.cached_property
    def _decode(self) -> Callable[[tf.Tensor], tf.Tensor]:
        signature = [tf.TensorSpec([], tf.string)]
        decode: Callable[[tf.Tensor], tf.Tensor] = tf.function(
            lambda contents: decode_image(contents, self.image), input_signature=signature
        )
        return decode


@dataclasses.dataclass(frozen=True)
class Predictions:
    """Answers of a classifier with K classes to N images.

    Attributes:
        class_names: The K classes, in the order of the probabilities.
        probabilities: float32 [N, K].
        actual: Class index of the label, int [N]; -1 if there is no label or the model doesn't know it.
    """

    class_names: tuple[str, ...]
    probabilities: npt.NDArray[np.float32]
    actual: npt.NDArray[np.int64]

    @property
    def predicted(self) -> npt.NDArray[np.int64]:
        """Index of the most probable class, int [N]."""
        return np.asarray(self.probabilities.argmax(axis=1))

    @property
    def confidence(self) -> npt.NDArray[np.float32]:
        """Probability of the most probable class, float32 [N]."""
        return np.asarray(self.probabilities.max(axis=1))

    @property
    def correct(self) -> npt.NDArray[np.bool_]:
        """True where the most probable class is the label, bool [N]."""
        return np.asarray(self.predicted == self.actual)


@dataclasses.dataclass(frozen=True)
class Seen:
    """Answers of the models of a run to the sample of N images.

    Attributes:
        sample: The images.
        embeddings: Embeddings by the pretrained encoder, float32 [N, D], each of length 1.
        predictions: Predictions of the classifier; None without a classifier.
    """

    sample: ImageSample
    embeddings: npt.NDArray[np.float32]
    predictions: Predictions | None


def read_sample(examples: Artifact, image: ImageConfig) -> ImageSample | None:
    """Sample labeled images of `eval`, or images of `train` if `eval` has none; None without images."""
    _, labeled = read_samples([examples.split_dir(EVAL)], 0, MAX_IMAGES)
    if len(labeled):
        return _parse(EVAL, labeled.examples, image)
    anything, _ = read_samples([examples.split_dir(TRAIN)], MAX_IMAGES, 0)
    return _parse(TRAIN, anything.examples, image) if len(anything) else None


def ask_models(sample: ImageSample, encoder: Artifact, classifier: Artifact | None) -> Seen:
    """Embed and classify a sample through the signatures that consumers use."""
    embeddings = ServedModel(encoder.saved_model_dir).embed(sample.encoded)
    if classifier is None:
        return Seen(sample, embeddings, None)
    answer = ServedModel(classifier.saved_model_dir).probabilities(sample.encoded)
    numbers = {name: number for number, name in enumerate(answer.names)}
    actual = np.array([numbers.get(label or "", -1) for label in sample.labels], np.int64)
    return Seen(sample, embeddings, Predictions(answer.names, answer.probabilities, actual))


def _parse(split: str, examples: npt.NDArray[np.object_], image: ImageConfig) -> ImageSample:
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
        image,
    )


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
