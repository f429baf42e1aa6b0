"""The section on the data: counts, images set aside, distributions, anomalies."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from tensorflow_metadata.proto.v0 import statistics_pb2

from tfx_contrastive.components.anomaly_gate.anomalies import Anomaly
from tfx_contrastive.pipeline.report.thumbnails import Atlas
from tfx_contrastive.pipeline.runs.record import RunRecord

MAX_SHOWN = 48
_BINS = 12
# feature -> (title, unit)
_HISTOGRAMS = {
    "width": ("Width", "pixels"),
    "height": ("Height", "pixels"),
    "num_bytes": ("File size", "bytes"),
    "brightness": ("Brightness", "mean pixel, 0 to 1"),
    "contrast": ("Contrast", "standard deviation of pixels"),
    "entropy": ("Entropy", "bits of the gray-level histogram"),
}


@dataclasses.dataclass(frozen=True)
class SplitCounts:
    """Images of one split: labeled images per class, and unlabeled images."""

    split: str
    images: int
    labeled: Mapping[str, int]
    unlabeled: int

    @property
    def num_labeled(self) -> int:
        """Number of images that have a label."""
        return sum(self.labeled.values())


@dataclasses.dataclass(frozen=True)
class SetAside:
    """An image in quarantine; `thumbnail` is its tile in the atlas, None if it can't be shown."""

    source: str
    reason: str
    detail: str
    thumbnail: int | None


@dataclasses.dataclass(frozen=True)
class Histogram:
    """One feature of one split.

    Attributes:
        edges: Ascending edges of the bins, one more than counts; the same for every split.
        counts: Images per bin, interpolated from TFDV's bins, which differ between splits.
        lowest, mean, highest: Values over all images of the split.
    """

    split: str
    edges: tuple[float, ...]
    counts: tuple[float, ...]
    lowest: float
    mean: float
    highest: float


@dataclasses.dataclass(frozen=True)
class Distribution:
    """Histograms of a feature of the images, one per split."""

    feature: str
    title: str
    unit: str
    histograms: tuple[Histogram, ...]

    @property
    def constant(self) -> bool:
        """True if all images of all splits have the same value."""
        return len({bound for h in self.histograms for bound in (h.lowest, h.highest)}) <= 1


@dataclasses.dataclass(frozen=True)
class Data:
    """The section. Parts that the run has not reached are empty.

    Attributes:
        source: The configured source.
        labels_per_class: The label budget; None if every label was used.
        max_bad_fraction: Largest share of images that may be set aside.
        read: Number of images that were read.
        labels_hidden: Number of labels that the budget hid.
        splits: Counts per split.
        class_names: Every class, sorted.
        reasons: Number of images set aside per reason.
        shown: Some of these images.
        duplicates: Number of exact duplicates per kind.
        passed_over: Number of files whose name is not that of an image, per kind (in the plural).
        warnings: Warnings about the source.
        anomalies: Anomalies that ExampleValidator found.
        distributions: Histograms of the features.
        facets: HTML document of TFDV's Facets view; empty without statistics.
    """

    source: str
    labels_per_class: int | None
    max_bad_fraction: float
    read: int
    labels_hidden: int
    splits: tuple[SplitCounts, ...]
    class_names: tuple[str, ...]
    reasons: Mapping[str, int]
    shown: tuple[SetAside, ...]
    duplicates: Mapping[str, int]
    passed_over: Mapping[str, int]
    warnings: tuple[str, ...]
    anomalies: tuple[Anomaly, ...]
    distributions: tuple[Distribution, ...]
    facets: str

    @property
    def num_set_aside(self) -> int:
        """Number of images in quarantine."""
        return sum(self.reasons.values())


def collect_data(record: RunRecord, atlas: Atlas) -> Data | None:
    """Gather the section; None if ImageExampleGen wrote no counts. The atlas takes thumbnails."""
    counts, ingest = record.examples, record.ingest
    if not counts or ingest is None:
        return None
    splits = tuple(
        SplitCounts(name, each["images"], each["labeled"], each["unlabeled"])
        for name, each in counts.get("written", {}).items()
    )
    return Data(
        source=str(ingest.source),
        labels_per_class=ingest.labels_per_class,
        max_bad_fraction=ingest.max_bad_fraction,
        read=counts["read"],
        labels_hidden=counts.get("labels_hidden", 0),
        splits=splits,
        class_names=tuple(sorted({name for split in splits for name in split.labeled})),
        reasons=counts["set_aside"],
        shown=tuple(_set_aside(record, each, atlas) for each in record.set_aside[:MAX_SHOWN]),
        duplicates=counts.get("duplicates", {}),
        passed_over=counts.get("passed_over", {}),
        warnings=tuple(counts.get("warnings", ())),
        anomalies=record.anomalies,
        distributions=_distributions(record.statistics),
        facets=_facets(record.statistics),
    )


def _set_aside(record: RunRecord, entry: Mapping[str, Any], atlas: Atlas) -> SetAside:
    name, thumbnail = entry["sample"], None
    if name:
        thumbnail = atlas.add_encoded(f"quarantine/{name}", record.quarantined(name))
    return SetAside(entry["source"], entry["reason"], entry["detail"], thumbnail)


def _distributions(
    statistics: Mapping[str, statistics_pb2.DatasetFeatureStatistics],
) -> tuple[Distribution, ...]:
    found = []
    for feature, (title, unit) in _HISTOGRAMS.items():
        numbers = {split: _numeric(dataset, feature) for split, dataset in statistics.items()}
        known = {split: each for split, each in numbers.items() if each is not None}
        if known:
            lowest, highest = min(n.min for n in known.values()), max(n.max for n in known.values())
            edges = np.linspace(lowest, highest, _BINS + 1)
            histograms = tuple(_histogram(split, each, edges) for split, each in known.items())
            found.append(Distribution(feature, title, unit, histograms))
    return tuple(found)


def _numeric(
    dataset: statistics_pb2.DatasetFeatureStatistics, name: str
) -> statistics_pb2.NumericStatistics | None:
    for feature in dataset.features:
        if feature.path.step[-1:] == [name] and feature.HasField("num_stats"):
            return feature.num_stats
    return None


def _histogram(
    split: str, numbers: statistics_pb2.NumericStatistics, edges: npt.NDArray[np.float64]
) -> Histogram:
    counts = rebinned(numbers, edges)
    return Histogram(split, tuple(edges.tolist()), tuple(counts), numbers.min, numbers.mean, numbers.max)


def rebinned(numbers: statistics_pb2.NumericStatistics, edges: npt.NDArray[np.float64]) -> list[float]:
    """Count the images between neighboring edges, as if TFDV's bins were evenly filled.

    Args:
        numbers: Statistics of one feature on one split.
        edges: Ascending, from the lowest value of all splits to the highest, float [bins + 1].
    """
    standard = next(h for h in numbers.histograms if h.type == statistics_pb2.Histogram.STANDARD)
    counts = [bucket.sample_count for bucket in standard.buckets]
    at = [standard.buckets[0].low_value, *(bucket.high_value for bucket in standard.buckets)]
    found = np.diff(np.interp(edges, at, np.cumsum([0.0, *counts]), left=0.0))
    if numbers.min == edges[-1]:  # every image has the highest value
        found[-1] = sum(counts)
    return [float(count) for count in found]


def _facets(statistics: Mapping[str, statistics_pb2.DatasetFeatureStatistics]) -> str:
    """Return TFDV's Facets document of `train` beside `eval`."""
    if "train" not in statistics:
        return ""
    from tensorflow_data_validation.utils import display_util

    def listed(split: str) -> Any:
        return statistics_pb2.DatasetFeatureStatisticsList(datasets=[statistics[split]])

    other = "eval" if "eval" in statistics and statistics["eval"].num_examples else None
    document: str = display_util.get_statistics_html(
        listed("train"), listed(other) if other else None, lhs_name="train", rhs_name=other or "eval"
    )
    return document
