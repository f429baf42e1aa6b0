"""Tiny real SavedModels, and registries over a real SQLite file."""

import pathlib
import shutil
from typing import Any

import pytest
import tensorflow as tf

from tfx_contrastive.components.registry import mlflow_client
from tfx_contrastive.components.registry.interface import VersionRecord
from tfx_contrastive.components.registry.mlflow_backend import MlflowRegistry
from tfx_contrastive.components.registry.store import digest_of


def save_classifier(path: Any, bias: Any, kernel: Any = 1.0) -> Any:
    """A classifier of two classes with the signatures of the Trainer; `bias` tells one from another."""
    module = tf.Module()
    module.bias = tf.Variable(float(bias))
    module.kernel = tf.Variable([[float(kernel), 0.0], [0.0, 1.0]])

    def embed(image: Any) -> Any:
        length = tf.cast(tf.strings.length(image), tf.float32)
        return tf.math.l2_normalize(tf.stack([length, tf.ones_like(length)], axis=1) @ module.kernel, axis=1)

    def classify(image: Any) -> Any:
        probabilities = tf.nn.softmax(embed(image) + tf.stack([module.bias, 0.0]))
        names = tf.constant(["ankle boot", "café/bar"])
        return {
            "probabilities": probabilities,
            "label": tf.gather(names, tf.argmax(probabilities, axis=1)),
            "all_classes": tf.tile(names[None], [tf.size(image), 1]),
        }

    text = [tf.TensorSpec([None], tf.string)]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(examples: Any) -> Any:
        return classify(
            tf.io.parse_example(examples, {"image": tf.io.FixedLenFeature([], tf.string)})["image"]
        )

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image")])
    def classify_bytes(image: Any) -> Any:
        return classify(image)

    embed_bytes = tf.function(lambda image: {"embedding": embed(image)}, input_signature=text)
    signatures = {"serving_default": serve, "classify_bytes": classify_bytes, "embed_bytes": embed_bytes}
    tf.saved_model.save(module, str(path), signatures=signatures)
    return str(path)


def record_of(model_dir: str, blessed: bool = True, **facts: Any) -> Any:
    return VersionRecord(digest_of(model_dir), blessed, facts, f"# Card of {model_dir}\n")


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Directories of three models."""
    root = tmp_path_factory.mktemp("models")
    return [save_classifier(root / str(number), bias=number) for number in range(3)]


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An SQLite file as MLflow makes it; it takes seconds, so it is made once and copied."""
    path = tmp_path_factory.mktemp("database") / "registry.sqlite"
    mlflow_client.make_database(str(path))
    return path


@pytest.fixture
def directory(tmp_path: pathlib.Path, empty_database: pathlib.Path) -> Any:
    """Directory of an empty embedded registry."""
    path = tmp_path / "registry"
    path.mkdir()
    shutil.copy(empty_database, path / "registry.sqlite")
    return str(path)


@pytest.fixture
def registry(directory: str) -> Any:
    return MlflowRegistry("clothes", directory)


@pytest.fixture
def versions(registry: MlflowRegistry, models: list[str]) -> Any:
    """Three registered versions, all blessed."""
    return [registry.register(model, record_of(model)).number for model in models]
