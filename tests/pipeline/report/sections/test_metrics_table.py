import dataclasses

import numpy as np
import pytest

from tests.pipeline.report.examples import CLASSES, example_evaluation
from tfx_contrastive.components.evaluation.results import SliceMetrics
from tfx_contrastive.pipeline.report.sections.metrics_table import accuracy_interval, class_table, slice_table


def test_slices_stand_split_beside_split_with_the_baseline_where_there_is_one():
    bright = SliceMetrics("brightness_band:bright", {"example_count": 4.0, "accuracy": 0.5}, {}, {}, {})
    test, decides = example_evaluation("test"), example_evaluation("eval")
    decides = dataclasses.replace(decides, slices=(*decides.slices, bright))
    table = slice_table((test, decides), "1763900000")
    assert table.splits == ("test", "eval")
    assert table.columns == (("accuracy", "macro F1", "accuracy of 1763900000"),) * 2
    rows = dict(table.rows)
    assert set(rows) == {"", "near_copy:none", "near_copy:train", "brightness_band:bright"}
    overall, of_slice = rows[""], rows["brightness_band:bright"]
    assert [row.values for row in overall] == [(0.75, 0.74, 0.7)] * 2
    assert of_slice[0] is None
    assert of_slice[1].values == (0.5, None, None)
    assert slice_table((test,), "").columns == (("accuracy", "macro F1"),)


def test_classes_have_their_recall_first():
    table = class_table((example_evaluation("eval"),), CLASSES)
    assert table.columns == (("recall", "calibration error"),)
    ((name, (row,)),) = table.rows
    assert (name, row.images, row.values) == (CLASSES[2], 20, (0.5, None))


def test_the_interval_is_wilsons():
    # Wilson 1927: centre (p + z^2/2n) / (1 + z^2/n), half width z sqrt(p(1-p)/n + z^2/4n^2) / (1 + z^2/n)
    z, p, n = 1.959964, 0.8, 50
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    assert accuracy_interval(p, n) == pytest.approx((centre - half, centre + half), abs=1e-6)
    assert accuracy_interval(0.0, 0) == (0.0, 1.0)
