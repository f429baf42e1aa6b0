import dataclasses

import numpy as np
import pytest

from tests.pipeline.report.examples import CLASSES, example_evaluation, example_record, example_seen
from tfx_contrastive.components.evaluation.results import SliceMetrics
from tfx_contrastive.contract.metrics.calibration import reliability_bins
from tfx_contrastive.pipeline.report.sections.classifier import (
    UNKNOWN_CLASS,
    accuracy_interval,
    class_table,
    collect_classifier,
    confusion_matrix,
    reliability,
    slice_table,
)
from tfx_contrastive.pipeline.report.thumbnails import Atlas


def test_bins_hold_their_images_and_one_belongs_to_the_last() -> None:
    bins = reliability(reliability_bins(np.array([0.05, 0.55, 0.58, 1.0]), np.array([0, 1, 0, 1], bool)))
    assert {number: each.count for number, each in enumerate(bins) if each.count} == {0: 1, 8: 2, 14: 1}
    assert bins[8].accuracy == 0.5
    assert bins[8].confidence == pytest.approx(0.565)
    assert np.isnan(bins[1].accuracy)
    assert (bins[14].low, bins[14].high) == (14 / 15, 1)


def test_the_matrix_has_actual_classes_in_rows() -> None:
    matrix = confusion_matrix("eval", example_evaluation("eval").overall, CLASSES)
    assert matrix.counts.tolist() == [[15, 5, 0], [0, 20, 0], [10, 0, 10]]
    assert matrix.left_out == 0


def test_labels_that_the_model_does_not_know_have_a_row_of_their_own() -> None:
    overall = SliceMetrics("", {}, {}, {(0, 0): 3.0, (1, 0): 1.0, (2, 1): 2.0, (3, 1): 1.0}, {})
    matrix = confusion_matrix("eval", overall, ("cat", "dog"))
    assert matrix.class_names == ("cat", "dog", UNKNOWN_CLASS)
    assert matrix.counts.tolist() == [[3, 0, 0], [1, 0, 0], [0, 3, 0]]


def test_of_many_classes_those_with_errors_are_shown() -> None:
    names = [f"class {number}" for number in range(40)]
    overall = SliceMetrics("", {}, {}, {(39, 3): 4.0, **{(i, i): 9.0 for i in range(40)}}, {})
    matrix = confusion_matrix("test", overall, names)
    assert len(matrix.class_names) == 25
    assert {"class 39", "class 3"} <= set(matrix.class_names)
    assert matrix.left_out == 15


def test_mistakes_come_with_the_most_confident_first() -> None:
    seen = example_seen()
    found = collect_classifier(example_record(None, (example_evaluation("eval"),), seen=seen), Atlas(16))
    assert found is not None
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


def test_without_a_classifier_there_is_no_section() -> None:
    assert collect_classifier(example_record(), Atlas(16)) is None


def test_slices_stand_split_beside_split_with_the_baseline_where_there_is_one() -> None:
    bright = SliceMetrics("brightness_band:bright", {"example_count": 4.0, "accuracy": 0.5}, {}, {}, {})
    test, decides = example_evaluation("test"), example_evaluation("eval")
    decides = dataclasses.replace(decides, slices=(*decides.slices, bright))
    table = slice_table((test, decides), "1763900000")
    assert table.splits == ("test", "eval")
    assert table.columns == (("accuracy", "macro F1", "accuracy of 1763900000"),) * 2
    rows = dict(table.rows)
    assert set(rows) == {"", "near_copy:none", "near_copy:train", "brightness_band:bright"}
    overall, of_slice = rows[""], rows["brightness_band:bright"]
    assert [row and row.values for row in overall] == [(0.75, 0.74, 0.7)] * 2
    assert of_slice[0] is None
    assert of_slice[1] is not None
    assert of_slice[1].values == (0.5, None, None)
    assert slice_table((test,), "").columns == (("accuracy", "macro F1"),)


def test_classes_have_their_recall_first() -> None:
    table = class_table((example_evaluation("eval"),), CLASSES)
    assert table.columns == (("recall", "calibration error"),)
    ((name, (row,)),) = table.rows
    assert row is not None
    assert (name, row.images, row.values) == (CLASSES[2], 20, (0.5, None))


def test_the_interval_is_wilsons() -> None:
    # Wilson 1927: centre (p + z^2/2n) / (1 + z^2/n), half width z sqrt(p(1-p)/n + z^2/4n^2) / (1 + z^2/n)
    z, p, n = 1.959964, 0.8, 50
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    assert accuracy_interval(p, n) == pytest.approx((centre - half, centre + half), abs=1e-6)
    assert accuracy_interval(0.0, 0) == (0.0, 1.0)
