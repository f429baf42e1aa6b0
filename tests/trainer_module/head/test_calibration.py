import numpy as np
import pytest

from tfx_contrastive.trainer_module.head.calibration import fit_temperature
from tfx_contrastive.trainer_module.head.scores import accuracy, log_loss


def test_finds_the_temperature_that_made_the_labels():
    random = np.random.default_rng(0)
    true_logits = random.normal(size=(20_000, 5)) * 2
    gumbel = random.gumbel(size=true_logits.shape)
    labels = np.argmax(true_logits + gumbel, axis=1)  # drawn from softmax(true_logits)
    assert fit_temperature(3.0 * true_logits, labels) == pytest.approx(3.0, rel=0.05)
    assert fit_temperature(0.25 * true_logits, labels) == pytest.approx(0.25, rel=0.05)


def test_lowers_log_loss_and_keeps_the_classes():
    random = np.random.default_rng(1)
    logits, labels = random.normal(size=(200, 3)) * 9, random.integers(0, 3, 200)
    temperature = fit_temperature(logits, labels)
    assert log_loss(logits / temperature, labels) < log_loss(logits, labels)
    assert accuracy(logits / temperature, labels) == accuracy(logits, labels)


def test_keeps_the_doubt_of_one_more_image_where_every_answer_is_right():
    logits = np.eye(3) * 5
    scaled = np.exp(logits / fit_temperature(logits, np.arange(3)))
    # 3 of 4 images are sure, the fourth is of any class: 3/4 + 1/4 * 1/3.
    np.testing.assert_allclose((scaled / scaled.sum(axis=1, keepdims=True)).max(axis=1), 5 / 6, rtol=1e-3)


def test_is_one_without_images():
    assert fit_temperature(np.zeros((0, 3)), np.zeros(0, int)) == 1.0


def test_log_loss_of_equal_logits_is_log_of_the_classes():
    assert log_loss(np.zeros((4, 8)), np.arange(4)) == pytest.approx(np.log(8))


def test_accuracy_counts_the_largest_logit():
    assert accuracy(np.array([[1.0, 2.0], [3.0, 1.0]]), np.array([1, 1])) == 0.5
