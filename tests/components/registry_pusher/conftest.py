"""Models and registries of the registry's tests, and examples to show to a model."""

from typing import Any

import pytest
import tensorflow as tf

from tests.components.registry.conftest import (  # noqa: F401 - pytest finds them here
    directory,
    empty_database,
    models,
)


@pytest.fixture(scope="session")
def example_dir(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Directory of one example file."""
    folder = tmp_path_factory.mktemp("examples") / "Split-eval"
    folder.mkdir()
    with tf.io.TFRecordWriter(str(folder / "data-0")) as writer:
        for number in range(40):
            example = tf.train.Example()
            label = ("ankle boot", "café/bar")[number % 2]
            example.features.feature["image"].bytes_list.value.append(b"x" * (1 + number % 3))
            example.features.feature["label"].bytes_list.value.append(label.encode())
            example.features.feature["brightness_band"].bytes_list.value.append(b"dark")
            writer.write(example.SerializeToString())
    return str(folder)
