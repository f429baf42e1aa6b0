"""Example files of scikit-learn's digits, and tiny encoders as real SavedModels."""

import hashlib
from collections.abc import Collection
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

LABELS_PER_CLASS = 20


def write_examples(path: Any, images: Any, labels: Any, hidden: Collection[int] = ()) -> None:
    """Write uint8 [N, 8, 8] images as the data contract says; the rows in `hidden` get no label."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for row, (image, label) in enumerate(zip(images, labels, strict=True)):
            features = {
                "image": [tf.io.encode_png(image[..., None]).numpy()],
                "image_id": [hashlib.sha256(image.tobytes()).hexdigest().encode()],
            }
            if row not in hidden:
                features["label"] = [f"digit {label}".encode()]
            example = tf.train.Example()
            for name, value in features.items():
                example.features.feature[name].bytes_list.value.extend(value)
            writer.write(example.SerializeToString())


@pytest.fixture(scope="session")
def digits() -> tuple[Any, Any]:
    data = load_digits()
    return np.uint8(data.images * 15), data.target


@pytest.fixture(scope="session")
def splits(digits: tuple[Any, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[Any, Any]:
    """Directories of `train` (20 labels per class), `eval` and `test`."""
    root = tmp_path_factory.mktemp("examples")
    images, labels = digits
    seen = np.zeros(10, int)
    hidden = set()
    for row, label in enumerate(labels[:1100]):
        seen[label] += 1
        if seen[label] > LABELS_PER_CLASS:
            hidden.add(row)
    write_examples(root / "Split-train" / "data-0", images[:1100], labels[:1100], hidden)
    write_examples(root / "Split-eval" / "data-0", images[1100:1500], labels[1100:1500])
    write_examples(root / "Split-test" / "data-0", images[1500:], labels[1500:])
    return {name: [str(root / f"Split-{name}")] for name in ("train", "eval", "test")}


def conv_encoder(seed: Any) -> Any:
    """A small conv net with freshly drawn weights: uint8 [B, 8, 8, 1] -> float [B, 64]."""
    tf.keras.utils.set_random_seed(seed)
    layers = [tf.keras.layers.Input([8, 8, 1]), tf.keras.layers.Rescaling(1 / 128, offset=-1)]
    for width, strides in ((16, 1), (32, 2), (64, 2)):
        layers += [
            tf.keras.layers.Conv2D(width, 3, strides, "same", use_bias=False),
            tf.keras.layers.BatchNormalization(),
            tf.keras.layers.ReLU(),
        ]
    return tf.keras.Sequential([*layers, tf.keras.layers.GlobalAveragePooling2D()])


def save_encoder(path: Any, encode: Any, holder: Any = None) -> str:
    """Save `encode` (uint8 [B, 8, 8, 1] -> [B, D]) with the signature of the Pretrainer."""
    module = tf.Module()
    module.holder = holder

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(examples: Any) -> dict[str, Any]:
        parsed = tf.io.parse_example(examples, {"image": tf.io.FixedLenFeature([], tf.string)})
        images = tf.map_fn(
            lambda image: tf.ensure_shape(tf.io.decode_png(image, 1), [8, 8, 1]),
            parsed["image"],
            fn_output_signature=tf.uint8,
        )
        return {"embedding": tf.math.l2_normalize(encode(images), axis=-1)}

    tf.saved_model.save(module, str(path), signatures={"serving_default": serve})
    return str(path)


def random_crops(images: Any) -> Any:
    """A random crop of each image, at 8x8 again: float [B, 8, 8, 1]."""
    size = tf.shape(images)[0]
    corner = tf.random.uniform([size, 2], 0.0, 0.3)
    boxes = tf.concat([corner, corner + tf.random.uniform([size, 2], 0.6, 0.7)], axis=1)
    crops = tf.image.crop_and_resize(tf.cast(images, tf.float32), boxes, tf.range(size), [8, 8])
    return crops * tf.random.uniform([size, 1, 1, 1], 0.6, 1.2)


@pytest.fixture(scope="session")
def trained(digits: tuple[Any, Any], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A conv net after 500 steps of SimCLR (temperature 0.2) on the train images."""
    images = digits[0][:1100, ..., None]
    encoder = conv_encoder(1)
    projection = tf.keras.Sequential(
        [
            tf.keras.layers.Input([64]),
            tf.keras.layers.Dense(64, activation="relu"),
            tf.keras.layers.Dense(32),
        ]
    )
    optimizer = tf.keras.optimizers.Adam(3e-3)
    weights = encoder.trainable_variables + projection.trainable_variables

    @tf.function
    def step(batch: Any) -> None:
        views = tf.concat([random_crops(batch), random_crops(batch)], axis=0)
        positives = tf.roll(tf.range(512), 256, axis=0)
        with tf.GradientTape() as tape:
            z = tf.math.l2_normalize(projection(encoder(views, training=True), training=True), axis=-1)
            logits = tf.matmul(z, z, transpose_b=True) / 0.2 - 1e9 * tf.eye(512)
            loss = tf.keras.losses.sparse_categorical_crossentropy(positives, logits, from_logits=True)
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))

    batches = tf.data.Dataset.from_tensor_slices(images).shuffle(1100, seed=0).repeat().batch(256)
    for batch in batches.take(500):
        step(batch)
    return save_encoder(tmp_path_factory.mktemp("trained") / "model", encoder, encoder)
