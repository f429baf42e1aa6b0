from typing import Any

import numpy as np
import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

from tfx_contrastive.pipeline.report.sections.data import rebinned


def statistics(edges: Any, counts: Any) -> Any:
    """As TFDV has them: bins of equal width between the lowest and the highest value."""
    numbers = statistics_pb2.NumericStatistics(min=edges[0], max=edges[-1])
    histogram = numbers.histograms.add(type=statistics_pb2.Histogram.STANDARD)
    for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True):
        histogram.buckets.add(low_value=low, high_value=high, sample_count=count)
    return numbers


def test_bins_on_the_same_edges_stay_as_they_are() -> None:
    numbers = statistics([0.0, 0.5, 1.0], [40, 20])
    assert rebinned(numbers, np.array([0.0, 0.5, 1.0])) == pytest.approx([40, 20])


def test_a_bin_is_divided_evenly_and_nothing_is_lost() -> None:
    numbers = statistics([2.0, 4.0, 6.0], [10, 30])
    found = rebinned(numbers, np.linspace(0, 8, 9))
    assert found == pytest.approx([0, 0, 5, 5, 15, 15, 0, 0])


@pytest.mark.parametrize("edges", [[28.0, 28.0, 28.0], [20.0, 24.0, 28.0], [20.0, 30.0, 40.0]])
def test_images_of_one_value_are_all_counted(edges: Any) -> None:
    assert sum(rebinned(statistics([28.0, 28.0], [7]), np.array(edges))) == pytest.approx(7)
