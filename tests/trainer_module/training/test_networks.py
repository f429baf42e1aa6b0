from typing import Any

import keras
import numpy as np
import pytest

from tfx_contrastive.trainer_module.training.networks import (
    BatchEncoder,
    all_layers,
    copy_network,
    follow,
    warmed_up,
)


def network() -> keras.Model:
    x = keras.layers.Input((3,))
    return keras.Model(x, keras.layers.BatchNormalization()(keras.layers.Dense(2)(x)))


def test_a_copy_has_variables_of_its_own() -> None:
    original = network()
    copy = copy_network(original)
    before = [weight.copy() for weight in copy.get_weights()]
    original.set_weights([weight + 1 for weight in original.get_weights()])
    for kept, weight in zip(before, copy.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, weight)


def test_weights_and_statistics_of_batch_norm_follow() -> None:
    slow, fast = network(), network()
    slow.set_weights([np.zeros_like(weight) for weight in slow.get_weights()])
    fast.set_weights([np.ones_like(weight) for weight in fast.get_weights()])
    follow(slow, fast, 0.9)
    follow(slow, fast, 0.9)
    assert len(slow.get_weights()) == 6
    for weight in slow.get_weights():
        np.testing.assert_allclose(weight, np.full_like(weight, 0.19), rtol=1e-5)


@pytest.mark.parametrize(("step", "decay"), [(1, 1 / 11), (90, 0.9), (10**6, 0.99)])
def test_the_first_steps_weigh_little(step: int, decay: Any) -> None:
    assert float(warmed_up(0.99, step)) == pytest.approx(decay)


def channel_means(image_shape: tuple[int, int, int]) -> keras.Model:
    pixels = keras.layers.Input(image_shape)
    return keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(pixels))


@pytest.mark.parametrize("num", [0, 1, 5, 8])
def test_many_images_are_encoded_in_batches_in_order(num: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tfx_contrastive.trainer_module.training.networks._MAX_BATCH", 3)
    images = np.arange(num * 8, dtype=np.uint8).reshape(num, 2, 2, 2)
    h = BatchEncoder(channel_means((2, 2, 2)), (2, 2, 2))(images)
    assert h.dtype == np.float32
    np.testing.assert_allclose(h, images.mean(axis=(1, 2)), rtol=1e-6)


def test_layers_of_nested_networks_are_listed() -> None:
    inner = network()
    x = keras.layers.Input((3,))
    outer = keras.Model(x, keras.layers.ReLU(name="last")(inner(x)))
    names = [type(layer).__name__ for layer in all_layers(outer)]
    assert names == ["InputLayer", "InputLayer", "Dense", "BatchNormalization", "ReLU"]
