import numpy as np
import pytest

from tests.pipeline.report.examples import CLASSES, example_evaluation, example_seen
from tfx_contrastive.components.evaluation.results import SliceMetrics
from tfx_contrastive.pipeline.report.sections.classifier import (
    UNKNOWN_CLASS,
    calibration_error,
    collect_classifier,
    confusion_matrix,
    reliability,
)
from tfx_contrastive.pipeline.report.thumbnails import Atlas


def test_bins_hold_their_images_and_one_belongs_to_the_last():
    bins = reliability(np.array([0.05, 0.55, 0.58, 1.0]), np.array([False, True, False, True]))
    assert [each.count for each in bins] == [1, 0, 0, 0, 0, 2, 0, 0, 0, 1]
    assert bins[5].accuracy == 0.5
    assert bins[5].confidence == pytest.approx(0.565)
    assert np.isnan(bins[1].accuracy)


def test_calibration_error_is_the_formula_of_the_paper():
    random = np.random.default_rng(0)
    confidence, correct = random.uniform(0.3, 1, 500), random.uniform(size=500) < 0.6
    slow = 0.0
    for low in np.arange(10) / 10:
        inside = (confidence >= low) & (confidence < low + 0.1)
        if inside.any():
            slow += inside.mean() * abs(confidence[inside].mean() - correct[inside].mean())
    assert calibration_error(reliability(confidence, correct)) == pytest.approx(slow)


def test_no_image_has_no_calibration_error():
    assert np.isnan(calibration_error(reliability(np.zeros(0), np.zeros(0, bool))))


def test_the_matrix_has_actual_classes_in_rows():
    matrix = confusion_matrix("eval", example_evaluation("eval").overall, CLASSES)
    assert matrix.counts.tolist() == [[15, 5, 0], [0, 20, 0], [10, 0, 10]]
    assert matrix.left_out == 0


def test_labels_that_the_model_does_not_know_have_a_row_of_their_own():
    overall = SliceMetrics("", {}, {}, {(0, 0): 3.0, (1, 0): 1.0, (2, 1): 2.0, (3, 1): 1.0}, {})
    matrix = confusion_matrix("eval", overall, ("cat", "dog"))
    assert matrix.class_names == ("cat", "dog", UNKNOWN_CLASS)
    assert matrix.counts.tolist() == [[3, 0, 0], [1, 0, 0], [0, 3, 0]]


def test_of_many_classes_those_with_errors_are_shown():
    names = [f"class {number}" for number in range(40)]
    overall = SliceMetrics("", {}, {}, {(39, 3): 4.0, **{(i, i): 9.0 for i in range(40)}}, {})
    matrix = confusion_matrix("test", overall, names)
    assert len(matrix.class_names) == 25
    assert {"class 39", "class 3"} <= set(matrix.class_names)
    assert matrix.left_out == 15


def test_mistakes_come_with_the_most_confident_first():
    seen = example_seen()
    found = collect_classifier(seen, (example_evaluation("eval"),), Atlas(16))
    wrong = [i for i in range(60) if seen.predictions.probabilities[i].argmax() != i % 3]
    assert found.num_judged == 60
    assert found.num_mistakes == len(wrong) == sum(cell.count for cell in found.confusions)
    confidences = [picture.confidence for picture in found.mistakes]
    assert confidences == sorted(confidences, reverse=True)
    assert confidences[0] == pytest.approx(max(seen.predictions.probabilities[i].max() for i in wrong))
    assert [cell.count for cell in found.confusions] == sorted(
        (cell.count for cell in found.confusions), reverse=True
    )
    for cell in found.confusions:
        assert {(p.actual, p.predicted) for p in cell.pictures} == {(cell.actual, cell.predicted)}


def test_without_a_classifier_there_is_no_section():
    assert collect_classifier(None, (), Atlas(16)) is None
