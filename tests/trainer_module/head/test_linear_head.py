from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from tfx_contrastive.trainer_module.head.linear_head import (
    accuracy,
    fit_linear_head,
    fit_temperature,
    log_loss,
)


def make_data(rows: int, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    random = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(3), random.integers(0, 3, rows - 3)])
    centers = np.random.default_rng(9).normal(size=(3, 6)) * 1.5
    return (centers[labels] + random.normal(size=(rows, 6)) * 2 + 5).astype(np.float32), labels


def test_equals_the_optimum_that_scikit_learn_finds() -> None:
    (x, y), (x_eval, y_eval) = make_data(300, 0), make_data(50, 1)
    weights = np.array([1.0, 2.0, 0.5], np.float32)
    ours = fit_linear_head(x, y, weights, x_eval, y_eval, [0.1]).classifier
    standard = (x - x.mean(axis=0)) / x.std(axis=0)
    theirs = LogisticRegression(
        C=1 / (0.1 * weights[y].sum()), class_weight=dict(enumerate(weights)), tol=1e-8, max_iter=5000
    ).fit(standard, y)
    expected = theirs.predict_log_proba((x_eval - x.mean(axis=0)) / x.std(axis=0))
    logits = ours.logits(x_eval)
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(log_p, expected, atol=2e-3)


def test_takes_the_penalty_that_is_best_on_eval() -> None:
    (x, y), (x_eval, y_eval) = make_data(12, 2), make_data(2000, 3)
    noise = np.random.default_rng(4)
    x = np.hstack([x, noise.normal(size=(len(x), 60))]).astype(np.float32)
    x_eval = np.hstack([x_eval, noise.normal(size=(len(x_eval), 60))]).astype(np.float32)
    penalties = [1e-6, 1e-2, 1.0, 100.0]
    chosen = fit_linear_head(x, y, np.ones(3, np.float32), x_eval, y_eval, penalties)
    scores = {
        l2: accuracy(
            fit_linear_head(x, y, np.ones(3, np.float32), x_eval, y_eval, [l2]).classifier.logits(x_eval),
            y_eval,
        )
        for l2 in penalties
    }
    assert scores[chosen.l2] >= max(scores.values()) - 0.005  # a warm start may end a hair elsewhere


def test_without_eval_the_median_penalty_is_taken() -> None:
    x, y = make_data(30, 5)
    none = np.zeros((0, 6), np.float32), np.zeros(0, int)
    assert fit_linear_head(x, y, np.ones(3, np.float32), *none, [1.0, 0.01, 0.1]).l2 == 0.1


def test_a_constant_feature_does_no_harm() -> None:
    x, y = make_data(60, 6)
    x[:, 2] = 4.0
    probe = fit_linear_head(x, y, np.ones(3, np.float32), x, y, [0.01])
    assert np.all(np.isfinite(probe.classifier.kernel))
    assert accuracy(probe.classifier.logits(x), y) > 0.5


def test_calibrated_divides_logits() -> None:
    x, y = make_data(30, 7)
    classifier = fit_linear_head(x, y, np.ones(3, np.float32), x, y, [0.1]).classifier
    np.testing.assert_allclose(classifier.calibrated(4.0).logits(x), classifier.logits(x) / 4, rtol=1e-4)
    assert classifier.to_keras()(x).numpy() == pytest.approx(classifier.logits(x), abs=1e-4)


def test_finds_the_temperature_that_made_the_labels() -> None:
    random = np.random.default_rng(0)
    true_logits = random.normal(size=(20_000, 5)) * 2
    gumbel = random.gumbel(size=true_logits.shape)
    labels = np.argmax(true_logits + gumbel, axis=1)  # drawn from softmax(true_logits)
    assert fit_temperature(3.0 * true_logits, labels) == pytest.approx(3.0, rel=0.05)
    assert fit_temperature(0.25 * true_logits, labels) == pytest.approx(0.25, rel=0.05)


def test_lowers_log_loss_and_keeps_the_classes() -> None:
    random = np.random.default_rng(1)
    logits, labels = random.normal(size=(200, 3)) * 9, random.integers(0, 3, 200)
    temperature = fit_temperature(logits, labels)
    assert log_loss(logits / temperature, labels) < log_loss(logits, labels)
    assert accuracy(logits / temperature, labels) == accuracy(logits, labels)


def test_keeps_the_doubt_of_one_more_image_where_every_answer_is_right() -> None:
    logits = np.eye(3) * 5
    scaled = np.exp(logits / fit_temperature(logits, np.arange(3)))
    # 3 of 4 images are sure, the fourth is of any class: 3/4 + 1/4 * 1/3.
    np.testing.assert_allclose((scaled / scaled.sum(axis=1, keepdims=True)).max(axis=1), 5 / 6, rtol=1e-3)


def test_is_one_without_images() -> None:
    assert fit_temperature(np.zeros((0, 3)), np.zeros(0, int)) == 1.0


def test_log_loss_of_equal_logits_is_log_of_the_classes() -> None:
    assert log_loss(np.zeros((4, 8)), np.arange(4)) == pytest.approx(np.log(8))


def test_accuracy_counts_the_largest_logit() -> None:
    assert accuracy(np.array([[1.0, 2.0], [3.0, 1.0]]), np.array([1, 1])) == 0.5
