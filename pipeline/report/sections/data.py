"""The data: counts, what was set aside, distributions, anomalies."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from google.protobuf import message
from tensorflow_metadata.proto.v0 import statistics_pb2

from tfx_contrastive.components.anomaly_gate import anomalies
from tfx_contrastive.components.image_example_gen import quarantine
from tfx_contrastive.components.image_example_gen.config import IngestConfig
from tfx_contrastive.pipeline.report.thumbnails import Atlas
from tfx_contrastive.pipeline.runs import files
from tfx_contrastive.pipeline.runs.lineage import Artifact, Run

STATISTICS_FILE = "FeatureStats.pb"
MAX_SHOWN = 48
_BINS = 12
# feature -> (title, unit)
_HISTOGRAMS = {
    "width": ("Width", "pixels"),
    "height": ("Height", "pixels"),
    "num_bytes": ("File size", "bytes"),
    "brightness": ("Brightness", "mean pixel, 0 to 1"),
    "contrast": ("Contrast", "standard deviation of pixels"),
    "entropy": ("Entropy", "bits of the grey-level histogram"),
}


@dataclasses.dataclass(frozen=True)
class SplitCounts:
    """Images of one split: labelled ones by class, and unlabelled ones."""

    split: str
    images: int
    labelled: Mapping[str, int]
    unlabelled: int

    @property
    def num_labelled(self) -> int:
        """Images that have a label."""
        return sum(self.labelled.values())


@dataclasses.dataclass(frozen=True)
class SetAside:
    """An image in quarantine; `thumbnail` is its number in the atlas, None if it can't be shown."""

    source: str
    reason: str
    detail: str
    thumbnail: int | None


@dataclasses.dataclass(frozen=True)
class Histogram:
    """One feature of one split.

    Attributes:
        edges: Ascending, one more than there are counts; the same for every split.
        counts: Images in each bin, interpolated from TFDV's bins, which differ from split to split.
        lowest, mean, highest: Of all images.
    """

    split: str
    edges: tuple[float, ...]
    counts: tuple[float, ...]
    lowest: float
    mean: float
    highest: float


@dataclasses.dataclass(frozen=True)
class Distribution:
    """A feature of the images, split by split."""

    feature: str
    title: str
    unit: str
    histograms: tuple[Histogram, ...]

    @property
    def constant(self) -> bool:
        """Whether all images of all splits have one value."""
        return len({bound for h in self.histograms for bound in (h.lowest, h.highest)}) <= 1


@dataclasses.dataclass(frozen=True)
class Data:
    """The section. Parts that the run has not reached are empty.

    Attributes:
        source: What was read, as configured.
        labels_per_class: The label budget; None: every label was used.
        max_bad_fraction: Share of images that may be set aside.
        read: Images read.
        labels_hidden: Labels that the budget hid.
        splits: Counts by split.
        class_names: Every class, sorted.
        reasons: Images set aside by reason.
        shown: Some of them.
        duplicates: Exact duplicates by what was found.
        passed_over: What is no image by its name: kind in the plural -> number.
        warnings: What a user should know of how the source was read.
        anomalies: What ExampleValidator found.
        distributions: Histograms of the features.
        facets: Document of TFDV's Facets view; empty without statistics.
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
    anomalies: tuple[anomalies.Anomaly, ...]
    distributions: tuple[Distribution, ...]
    facets: str

    @property
    def num_set_aside(self) -> int:
        """Images in quarantine."""
        return sum(self.reasons.values())


def collect_data(run: Run, atlas: Atlas) -> Data | None:
    """Gathers the section; None if ImageExampleGen left nothing behind."""
    node = run.node("ImageExampleGen")
    artifacts = node.outputs.get("quarantine", ()) if node else ()
    if node is None or not artifacts or not files.exists(artifacts[0].uri, quarantine.SUMMARY_FILE):
        return None
    summary = quarantine.read_summary(artifacts[0].uri)
    ingest = IngestConfig.model_validate_json(str(node.properties["ingest"]))
    statistics = read_statistics(run)
    splits = tuple(
        SplitCounts(name, counts["images"], counts["labelled"], counts["unlabelled"])
        for name, counts in summary.get("written", {}).items()
    )
    return Data(
        source=str(ingest.source),
        labels_per_class=ingest.labels_per_class,
        max_bad_fraction=ingest.max_bad_fraction,
        read=summary["read"],
        labels_hidden=summary.get("labels_hidden", 0),
        splits=splits,
        class_names=tuple(sorted({name for split in splits for name in split.labelled})),
        reasons=summary["set_aside"],
        shown=_shown(artifacts[0].uri, atlas),
        duplicates=summary.get("duplicates", {}),
        passed_over=summary.get("passed_over", {}),
        warnings=tuple(summary.get("warnings", ())),
        anomalies=_anomalies(run),
        distributions=_distributions(statistics),
        facets=_facets(statistics),
    )


def read_statistics(run: Run) -> dict[str, statistics_pb2.DatasetFeatureStatistics]:
    """TFDV's statistics by split; empty if StatisticsGen has not run."""
    artifact = files.finished_output(run, "StatisticsGen", "statistics")
    if artifact is None:
        return {}
    found = {}
    for split in files.split_names(artifact):
        content = files.read_bytes(files.split_dir(artifact, split), STATISTICS_FILE)
        found[split] = statistics_pb2.DatasetFeatureStatisticsList.FromString(content).datasets[0]
    return found


def _shown(uri: str, atlas: Atlas) -> tuple[SetAside, ...]:
    lines = files.read_bytes(uri, quarantine.RECORDS_FILE).decode("utf-8", "replace").splitlines()
    records = sorted(map(json.loads, lines), key=lambda record: not record["sample"])[:MAX_SHOWN]
    return tuple(_set_aside(uri, record, atlas) for record in records)


def _set_aside(uri: str, record: Mapping[str, Any], atlas: Atlas) -> SetAside:
    thumbnail = None
    if record["sample"]:
        thumbnail = atlas.add_encoded(
            f"quarantine/{record['sample']}", files.read_bytes(uri, record["sample"])
        )
    return SetAside(record["source"], record["reason"], record["detail"], thumbnail)


def _anomalies(run: Run) -> tuple[anomalies.Anomaly, ...]:
    artifact: Artifact | None = files.finished_output(run, "ExampleValidator", "anomalies")
    return tuple(anomalies.read(artifact.uri, files.split_names(artifact))) if artifact else ()


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


def _histogram(split: str, numbers: statistics_pb2.NumericStatistics, edges: np.ndarray) -> Histogram:
    counts = rebinned(numbers, edges)
    return Histogram(split, tuple(edges.tolist()), tuple(counts), numbers.min, numbers.mean, numbers.max)


def rebinned(numbers: statistics_pb2.NumericStatistics, edges: np.ndarray) -> list[float]:
    """Images between neighbouring edges: TFDV's bins are taken as evenly filled.

    Args:
        numbers: Of one split.
        edges: Ascending, from the lowest value of all splits to the highest, [bins + 1].
    """
    standard = next(h for h in numbers.histograms if h.type == statistics_pb2.Histogram.STANDARD)
    counts = [bucket.sample_count for bucket in standard.buckets]
    at = [standard.buckets[0].low_value, *(bucket.high_value for bucket in standard.buckets)]
    found = np.diff(np.interp(edges, at, np.cumsum([0.0, *counts]), left=0.0))
    if numbers.min == edges[-1]:  # every image has the highest value
        found[-1] = sum(counts)
    return found.tolist()


def _facets(statistics: Mapping[str, message.Message]) -> str:
    """TFDV's own Facets document of `train` beside `eval`."""
    if "train" not in statistics:
        return ""
    from tensorflow_data_validation.utils import display_util

    def listed(split: str) -> Any:
        return statistics_pb2.DatasetFeatureStatisticsList(datasets=[statistics[split]])

    other = "eval" if "eval" in statistics and statistics["eval"].num_examples else None  # type: ignore[attr-defined]
    return display_util.get_statistics_html(
        listed("train"), listed(other) if other else None, lhs_name="train", rhs_name=other or "eval"
    )
