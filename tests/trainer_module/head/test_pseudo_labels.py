import keras
import numpy as np
import tensorflow as tf

from trainer_module.config import SelfTrainingConfig
from trainer_module.head.pseudo_labels import PseudoLabels

# Logits of an image are its three pixels, so that every guess can be computed by hand.
IMAGES = np.array([[10, 0, 0], [9, 8, 0], [0, 0, 7], [8, 7, 7]], np.uint8).reshape(4, 1, 1, 3)


def make(shares, **changes) -> PseudoLabels:
    pixels = keras.Input((1, 1, 3))
    encoder = keras.Model(pixels, keras.layers.Flatten()(pixels))
    h = keras.Input((3,))
    head = keras.Model(h, keras.layers.Identity()(h))
    return PseudoLabels(encoder, head, np.array(shares, np.float32), SelfTrainingConfig(**changes))


def softmax(logits: np.ndarray) -> np.ndarray:
    exponents = np.exp(logits)
    return exponents / exponents.sum(axis=1, keepdims=True)


def test_guesses_are_the_softmax_at_the_temperature():
    labels = make([0.2, 0.3, 0.5], align_shares=False, temperature=2.0)
    targets, weights = labels.guess(tf.constant(IMAGES))
    np.testing.assert_allclose(targets, softmax(IMAGES.reshape(4, 3) / 2.0), rtol=1e-5)
    np.testing.assert_array_equal(weights, np.ones(4))


def test_unsure_guesses_weigh_nothing():
    labels = make([1 / 3] * 3, align_shares=False, min_confidence=0.7)
    _, weights = labels.guess(tf.constant(IMAGES))
    expected = softmax(IMAGES.reshape(4, 3).astype(float)).max(axis=1) >= 0.7
    np.testing.assert_array_equal(weights, expected)
    assert set(expected) == {True, False}


def test_alignment_makes_guesses_as_frequent_as_labels():
    shares = np.array([0.25, 0.5, 0.25])
    labels = make(shares, temperature=3.0)
    for _ in range(200):  # the running share settles
        targets, _ = labels.guess(tf.constant(IMAGES))
    plain = softmax(IMAGES.reshape(4, 3) / 3.0)
    expected = plain * shares / plain.mean(axis=0)
    np.testing.assert_allclose(targets, expected / expected.sum(axis=1, keepdims=True), rtol=1e-3)
    aligned, before = np.mean(targets, axis=0), plain.mean(axis=0)
    assert np.abs(aligned - shares).sum() < np.abs(before - shares).sum()
