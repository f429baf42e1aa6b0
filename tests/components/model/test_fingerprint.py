import pathlib
import shutil
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.components.tiny_models import random_kernel, save_model
from tfx_contrastive.components.model.fingerprint import encoder_fingerprint


@pytest.fixture(scope="module")
def encoder_dir(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return save_model(tmp_path_factory.mktemp("model") / "encoder", random_kernel(0))


def test_another_export_has_the_same_fingerprint(encoder_dir: Any, tmp_path: pathlib.Path) -> None:
    assert encoder_fingerprint(save_model(tmp_path / "again", random_kernel(0))) == encoder_fingerprint(
        encoder_dir
    )


def test_a_copy_with_other_extras_has_the_same_fingerprint(encoder_dir: Any, tmp_path: pathlib.Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(encoder_dir, copy)
    (copy / "assets.extra").mkdir()
    (copy / "assets.extra" / "warmup").write_text("x")
    assert encoder_fingerprint(str(copy)) == encoder_fingerprint(encoder_dir)


def test_a_classifier_on_the_same_encoder_has_the_same_fingerprint(
    encoder_dir: Any, tmp_path: pathlib.Path
) -> None:
    head = np.ones((16, 3), np.float32)
    first = save_model(tmp_path / "first", random_kernel(0), head, ["a", "b", "c"])
    second = save_model(tmp_path / "second", random_kernel(0), 2 * head, ["a", "b", "d"])
    assert encoder_fingerprint(first) == encoder_fingerprint(second) == encoder_fingerprint(encoder_dir)


def test_one_changed_weight_changes_the_fingerprint(encoder_dir: Any, tmp_path: pathlib.Path) -> None:
    kernel = random_kernel(0)
    kernel[3, 4] = np.nextafter(kernel[3, 4], np.float32(9))
    assert encoder_fingerprint(save_model(tmp_path / "other", kernel)) != encoder_fingerprint(encoder_dir)


def save_function(path: Any, compute: Any, **variables: Any) -> Any:
    module = tf.Module()
    for name, value in variables.items():
        setattr(module, name, value)
    serve = tf.function(
        lambda image_bytes: {"embedding": compute(module, image_bytes)},
        input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")],
    )
    tf.saved_model.save(module, str(path), {"embed_bytes": serve})
    return str(path)


def lengths(image_bytes: Any) -> Any:
    return tf.cast(tf.strings.length(image_bytes), tf.float32)[:, None]


def test_the_computation_counts_not_only_the_weights(tmp_path: pathlib.Path) -> None:
    weight = tf.Variable([[2.0]])
    plus = save_function(tmp_path / "plus", lambda m, x: lengths(x) + m.weight, weight=weight)
    times = save_function(tmp_path / "times", lambda m, x: lengths(x) * m.weight, weight=weight)
    assert encoder_fingerprint(plus) != encoder_fingerprint(times)


def test_the_body_of_a_loop_counts(tmp_path: pathlib.Path) -> None:
    def looped(change: Any) -> Any:
        return lambda _, x: tf.map_fn(change, lengths(x))

    one = save_function(tmp_path / "one", looped(lambda value: value + 1.0))
    two = save_function(tmp_path / "two", looped(lambda value: value + 2.0))
    again = save_function(tmp_path / "again", looped(lambda value: value + 1.0))
    assert encoder_fingerprint(one) == encoder_fingerprint(again) != encoder_fingerprint(two)


def test_swapped_weights_of_one_shape_count(tmp_path: pathlib.Path) -> None:
    a, b = tf.Variable([[2.0]]), tf.Variable([[3.0]])
    first = save_function(tmp_path / "1", lambda m, x: (lengths(x) + m.a) * m.b, a=a, b=b)
    second = save_function(tmp_path / "2", lambda m, x: (lengths(x) + m.a) * m.b, a=b, b=a)
    assert encoder_fingerprint(first) != encoder_fingerprint(second)


def test_the_second_output_of_an_operation_is_not_the_first(tmp_path: pathlib.Path) -> None:
    def part(index: Any) -> Any:
        return lambda _, x: tf.split(tf.concat([lengths(x), 2 * lengths(x)], 1), 2, axis=1)[index]

    first, second = (save_function(tmp_path / str(index), part(index)) for index in (0, 1))
    assert encoder_fingerprint(first) != encoder_fingerprint(second)


def test_a_lookup_table_makes_the_files_count(tmp_path: pathlib.Path) -> None:
    def through_table(value: Any) -> Any:
        initializer = tf.lookup.KeyValueTensorInitializer(tf.constant(["a"]), tf.constant([value]))
        table = tf.lookup.StaticHashTable(initializer, -1.0)
        return save_function(tmp_path / str(value), lambda m, x: m.table.lookup(x)[:, None], table=table)

    one, two = through_table(1.0), through_table(2.0)
    assert encoder_fingerprint(one) != encoder_fingerprint(two)


def test_a_model_without_the_signature_is_refused(tmp_path: pathlib.Path) -> None:
    module = tf.Module()
    serve = tf.function(lambda x: {"y": x}, input_signature=[tf.TensorSpec([None], tf.float32)])
    tf.saved_model.save(module, str(tmp_path / "model"), {"serving_default": serve})
    with pytest.raises(
        ValueError, match="has the signatures \\['serving_default'\\]; expected 'embed_bytes'"
    ):
        encoder_fingerprint(str(tmp_path / "model"))


def test_a_directory_without_a_model_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match="holds no saved_model.pb"):
        encoder_fingerprint(str(tmp_path))
