from typing import Any

import numpy as np
import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

from tests.pipeline.report.examples import example_record, png
from tfx_contrastive.components.image_example_gen.config import IngestConfig
from tfx_contrastive.pipeline.report.sections.data import MAX_SHOWN, collect_data, rebinned
from tfx_contrastive.pipeline.report.thumbnails import Atlas


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


def ingest_record(**contents: Any) -> Any:
    counts = {
        "read": 8,
        "written": {
            "train": {"images": 5, "labeled": {"dog": 2, "cat": 1}, "unlabeled": 2},
            "eval": {"images": 1, "labeled": {"emu": 1}, "unlabeled": 0},
        },
        "set_aside": {"blank": 2},
        "warnings": ["look twice"],
    }
    ingest = IngestConfig.model_validate({"source": {"kind": "digits"}, "labels_per_class": 2})
    given = {"examples": counts, "ingest": ingest, "set_aside": (), "statistics": {}, "anomalies": ()}
    return example_record(**{**given, **contents})


def test_the_section_holds_the_counts_of_ingest() -> None:
    found = collect_data(ingest_record(), Atlas(8))
    assert found is not None
    assert (found.read, found.num_set_aside, found.labels_per_class) == (8, 2, 2)
    assert [(each.split, each.images, each.num_labeled, each.unlabeled) for each in found.splits] == [
        ("train", 5, 3, 2),
        ("eval", 1, 1, 0),
    ]
    assert found.class_names == ("cat", "dog", "emu")
    assert found.warnings == ("look twice",)
    assert (found.distributions, found.facets) == ((), "")


def test_images_set_aside_are_shown_up_to_a_limit_and_with_a_thumbnail_if_there_is_a_copy() -> None:
    entry = {"source": "a.png", "reason": "blank", "detail": "one color", "sample": ""}
    entries = ({**entry, "sample": "images/0.png"}, *[entry] * MAX_SHOWN)
    record = ingest_record(set_aside=entries, quarantined=lambda _: png(np.zeros((4, 4, 3), np.uint8)))
    atlas = Atlas(8)
    found = collect_data(record, atlas)
    assert found is not None
    assert [each.thumbnail for each in found.shown] == [0, *[None] * (MAX_SHOWN - 1)]
    assert atlas.sheet().count == 1


def test_without_counts_there_is_no_section() -> None:
    assert collect_data(ingest_record(examples={}), Atlas(8)) is None
