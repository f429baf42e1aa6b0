"""Tiny models and example files that keep the project's contracts, made in milliseconds."""

import hashlib
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from sklearn.datasets import load_digits

SIZE = 8
NUM_PIXELS = SIZE * SIZE


def digit_images(num: int | None = None) -> tuple[npt.NDArray[Any], list[str]]:
    """The first `num` of scikit-learn's digits: uint8 [N, 8, 8] and class names."""
    data = load_digits()
    return (data.images[:num] * 15).astype(np.uint8), [f"digit {label}" for label in data.target[:num]]


def png(image: npt.NDArray[Any]) -> bytes:
    encoded: bytes = tf.io.encode_png(image[..., None]).numpy()
    return encoded


def image_id(image: npt.NDArray[Any]) -> str:
    return hashlib.sha256(image.tobytes()).hexdigest()


def random_kernel(seed: int, dim: int = 16) -> npt.NDArray[Any]:
    return np.random.default_rng(seed).normal(size=(NUM_PIXELS, dim)).astype(np.float32)


class _Encoder(tf.Module):
    """Pixels times a matrix, an encoder whose embeddings have a closed form."""

    def __init__(self, kernel: npt.NDArray[Any]) -> None:
        super().__init__()
        self.kernel = tf.Variable(kernel)

    def embedding(self, image_bytes: tf.Tensor) -> tf.Tensor:
        def decode(one: tf.Tensor) -> tf.Tensor:
            pixels = tf.io.decode_image(one, 1, expand_animations=False)
            return tf.reshape(tf.image.resize(tf.ensure_shape(pixels, [None, None, 1]), [SIZE, SIZE]), [-1])

        pixels = tf.map_fn(decode, image_bytes, fn_output_signature=tf.TensorSpec([NUM_PIXELS], tf.float32))
        return tf.math.l2_normalize(tf.matmul(pixels / 255.0, self.kernel), axis=-1)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def embed_bytes(self, image_bytes: Any) -> dict[str, Any]:
        return {"embedding": self.embedding(image_bytes)}


class _Classifier(_Encoder):
    """An encoder with a linear head."""

    def __init__(self, kernel: npt.NDArray[Any], head: npt.NDArray[Any], class_names: Sequence[str]) -> None:
        super().__init__(kernel)
        self.head = tf.Variable(head)
        self.class_names = tuple(class_names)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def classify_bytes(self, image_bytes: Any) -> dict[str, Any]:
        probabilities = tf.nn.softmax(tf.matmul(self.embedding(image_bytes), self.head))
        names = tf.constant(self.class_names)
        return {
            "probabilities": probabilities,
            "label": tf.gather(names, tf.argmax(probabilities, -1)),
            "all_classes": tf.tile(names[None], [tf.shape(probabilities)[0], 1]),
        }


def save_model(
    path: pathlib.Path,
    kernel: npt.NDArray[Any],
    head: npt.NDArray[Any] | None = None,
    class_names: Sequence[str] = (),
) -> str:
    """Save a SavedModel of an encoder, or of a classifier if there is a head, float32 [D, K]."""
    model = _Encoder(kernel) if head is None else _Classifier(kernel, head, class_names)
    signatures = {"embed_bytes": model.embed_bytes}
    if isinstance(model, _Classifier):
        signatures["classify_bytes"] = model.classify_bytes
    tf.saved_model.save(model, str(path), signatures)
    return str(path)


def embed_with(kernel: npt.NDArray[Any], images: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the embeddings that a model of `save_model` computes, in NumPy: float32 [N, D]."""
    vectors = images.reshape(len(images), -1).astype(np.float32) / 255.0 @ kernel
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def write_examples(path: pathlib.Path, images: npt.NDArray[Any], labels: Sequence[str | None]) -> None:
    """Write a TFRecord file as the data contract says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for row, (image, label) in enumerate(zip(images, labels, strict=True)):
            writer.write(make_example(png(image), image_id(image), f"{path.name}#{row}", label))


def make_example(image: bytes, identity: str, source: str, label: str | None) -> bytes:
    example = tf.train.Example()
    values = {"image": image, "image_id": identity.encode(), "source": source.encode()}
    if label is not None:
        values["label"] = label.encode()
    for name, value in values.items():
        example.features.feature[name].bytes_list.value.append(value)
    serialized: bytes = example.SerializeToString()
    return serialized
