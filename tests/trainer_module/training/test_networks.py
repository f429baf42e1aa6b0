import keras
import numpy as np
import pytest

from tfx_contrastive.trainer_module.training.networks import copy_network, follow, warmed_up


def network() -> keras.Model:
    x = keras.layers.Input((3,))
    return keras.Model(x, keras.layers.BatchNormalization()(keras.layers.Dense(2)(x)))


def test_a_copy_has_variables_of_its_own():
    original = network()
    copy = copy_network(original)
    before = [weight.copy() for weight in copy.get_weights()]
    original.set_weights([weight + 1 for weight in original.get_weights()])
    for kept, weight in zip(before, copy.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, weight)


def test_weights_and_statistics_of_batch_norm_follow():
    slow, fast = network(), network()
    slow.set_weights([np.zeros_like(weight) for weight in slow.get_weights()])
    fast.set_weights([np.ones_like(weight) for weight in fast.get_weights()])
    follow(slow, fast, 0.9)
    follow(slow, fast, 0.9)
    assert len(slow.get_weights()) == 6
    for weight in slow.get_weights():
        np.testing.assert_allclose(weight, np.full_like(weight, 0.19), rtol=1e-5)


@pytest.mark.parametrize(("step", "decay"), [(1, 1 / 11), (90, 0.9), (10**6, 0.99)])
def test_the_first_steps_weigh_little(step, decay):
    assert float(warmed_up(0.99, step)) == pytest.approx(decay)
