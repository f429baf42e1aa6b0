import logging

import numpy as np
import pytest

from tfx_contrastive.trainer_module.head.linear_head import class_weights
from tfx_contrastive.trainer_module.head.stage import check_labels, warn_of_classes_without


def test_no_label_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match=r"none of the 3 training images has a label.*Label some"):
        check_labels(np.array([-1, -1, -1]), ())


def test_one_class_is_refused() -> None:
    with pytest.raises(ValueError, match=r"all 2 labeled training images are of one class, cat"):
        check_labels(np.array([0, -1, 0]), ("cat",))


def test_fewer_labels_than_classes_are_refused_with_the_classes_that_lack_them() -> None:
    with pytest.raises(ValueError, match=r"2 labeled training images .* 3 classes; these have none: dog\."):
        check_labels(np.array([0, 2, -1]), ("cat", "dog", "emu"))


def test_a_label_for_each_class_is_enough() -> None:
    check_labels(np.array([1, -1, 0]), ("cat", "dog"))


def test_a_class_absent_from_eval_is_named(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        warn_of_classes_without(np.array([0, 0, -1]), ("cat", "dog", "emu"))
    assert "no labeled image of 2 of 3 classes (dog, emu)" in caplog.text


def test_a_complete_eval_gives_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        warn_of_classes_without(np.array([0, 1]), ("cat", "dog"))
    assert caplog.text == ""


def test_weights_make_classes_count_the_same() -> None:
    labels = np.array([0, 0, 0, 1])
    weights = class_weights(labels, 2)
    np.testing.assert_allclose(weights, [4 / 6, 2.0])
    np.testing.assert_allclose(np.bincount(labels, weights=weights[labels]), [2, 2], rtol=1e-6)


def test_equal_classes_weigh_one() -> None:
    np.testing.assert_array_equal(class_weights(np.array([1, 0, 2, 1, 0, 2]), 3), np.ones(3))
