"""Survey a source before a run: check a sample of its images as ImageExampleGen checks them.

It takes seconds for a source of any size, and needs no TensorFlow.
"""

import collections
import dataclasses
import math
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy.typing as npt

from tfx_contrastive.components.examples import names
from tfx_contrastive.components.examples.decode import judge
from tfx_contrastive.components.examples.model_input import blank_images, unused_bits
from tfx_contrastive.components.image_example_gen.adapters import adapter_for
from tfx_contrastive.components.image_example_gen.config import IngestConfig
from tfx_contrastive.components.image_example_gen.forecast import (
    check_labels_files,
    doubts_of_pattern,
    expected_groups,
)
from tfx_contrastive.components.image_example_gen.groups import Census
from tfx_contrastive.components.image_example_gen.inspection import (
    SourceInspection,
    inspect_listing,
    require_classes,
    require_enough_labels,
)
from tfx_contrastive.components.image_example_gen.samples import (
    CHUNK_IMAGES,
    NUM_IMAGES,
    Group,
    more_images,
    some_images,
)
from tfx_contrastive.contract.errors import DataError, RejectedError

from .records import ArrayBatch, EncodedImage

_MAX_SECONDS = 4.0
_MIN_IMAGES = 20  # read however long it takes, because fewer say nothing certain about the rest
_SURE = 3.3  # standard errors; the error is larger one time in 2,000


@dataclasses.dataclass(frozen=True)
class Rejection:
    """The images of the sample with one reason: their number, and source and detail of the first."""

    count: int
    source: str
    detail: str


@dataclasses.dataclass(frozen=True)
class Survey:
    """The facts about a source that a sample of its images shows.

    Attributes:
        inspection: The facts that its listing shows.
        is_exact: Whether the listing saw every label.
        doubts: Problems that a run will have if the other images are like those of the sample.
        num_looked_at: Number of images in the sample.
        is_whole: Whether the sample is the whole source.
        bad_share: Estimated share of the images that a run sets aside.
        usable_share: Share of the images counted in `inspection` that can be used; it does not count images
            that the listing itself rules out.
        least_bad_share: Lower bound of `bad_share`, practically certain.
        rejections: Reason -> rejected images of the sample.
        unusable_classes: Class without a usable image in the sample -> number of its images in the sample,
            and in the source.
        seconds_per_image: Time for reading and checking an image.
        aspect_ratios: Width over height of the usable images of the sample.
        groups: Scenes, patients or bursts by their names; None if there are no groups, or if the images have
            names only after they are read.
    """

    inspection: SourceInspection
    is_exact: bool
    doubts: Sequence[str]
    num_looked_at: int
    is_whole: bool
    bad_share: float
    usable_share: float
    least_bad_share: float
    rejections: Mapping[str, Rejection]
    unusable_classes: Mapping[str, tuple[int, int]]
    seconds_per_image: float
    aspect_ratios: tuple[float, ...] = ()
    groups: Census | None = None


def survey_source(ingest: IngestConfig, seed: int = 0) -> Survey:
    """List a source and read some of its images.

    Args:
        ingest: The configuration.
        seed: Seed of the sample.

    Raises:
        DataError: If a run is certain to fail.
    """
    adapter = adapter_for(ingest.source, ingest.max_file_bytes)
    with tempfile.TemporaryDirectory() as staging_dir:
        if hasattr(adapter, "sketch"):
            sketch = adapter.sketch(NUM_IMAGES, seed)
            inspection = inspect_listing(ingest, sketch.listing, sketch.is_exact)
        else:
            inspection = inspect_listing(ingest, adapter.listing())
            sketch = None
        if sketch is None or sketch.is_exact:
            require_enough_labels(inspection)
        chunks = [] if sketch else list(adapter.chunks(staging_dir, CHUNK_IMAGES))
        check_labels_files(ingest, chunks)
        groups = expected_groups(ingest, chunks, inspection)
        images = sketch.images if sketch else some_images(adapter, chunks, seed)
        tally = _Tally(ingest)
        tally.look(images)
        if sketch is None and (doubtful := tally.classes_without_a_good_image()):
            tally.look(more_images(adapter, chunks, doubtful, tally.rejected_sources, seed))
    survey = tally.survey(inspection, sketch is None or sketch.is_exact, sketch.doubts if sketch else ())
    _require_usable(survey, ingest)
    if survey.is_exact:
        require_enough_labels(tally.without_bad(inspection))
    if groups is None and ingest.group_pattern:
        doubts = doubts_of_pattern(ingest, tally.sources, survey.is_whole)
        return dataclasses.replace(survey, doubts=(*survey.doubts, *doubts))
    return dataclasses.replace(survey, groups=groups)


class _Tally:
    """Checks images until the time is up, and counts the results."""

    def __init__(self, ingest: IngestConfig):
        self._ingest = ingest
        self._deepest = 0
        self._good: collections.Counter[Group] = collections.Counter()
        self._aspect_ratios: list[float] = []
        self._bad: collections.Counter[Group] = collections.Counter()
        self._rejections: dict[str, Rejection] = {}
        self._seconds = 0.0
        self.sources: list[str] = []
        self.rejected_sources: set[str] = set()

    def look(self, images: Iterable[EncodedImage | ArrayBatch]) -> None:
        """Check images until they, or the time, are used up."""
        started, before = None, self._seconds
        for number, found in enumerate(images):
            started = started or time.monotonic()  # listing the source comes before the first image
            if isinstance(found, ArrayBatch):
                self._look_at_array(found)
            else:
                self._look_at(found)
            self._seconds = before + time.monotonic() - started
            if self._seconds - before > _MAX_SECONDS and number >= _MIN_IMAGES:
                return

    def _look_at(self, image: EncodedImage) -> None:
        self.sources.append(image.source)
        try:
            limit, seen_as = self._ingest.max_pixels, self._ingest.seen_as
            judged = judge(image.content(), image.source, image.checks_extension, limit, seen_as)
        except RejectedError as error:
            self._deepest = max(self._deepest, error.deepest)
            self._reject(image.source, image.split, image.label, error)
        else:
            self._good[image.split, image.label] += 1
            self._aspect_ratios.append(_aspect_ratio(judged.pixels))
            self._deepest = max(self._deepest, judged.deepest)

    def _look_at_array(self, batch: ArrayBatch) -> None:
        self.sources += batch.sources
        blank = blank_images(batch.pixels, self._ingest.seen_as)
        for i, (label, source) in enumerate(zip(batch.labels, batch.sources, strict=True)):
            if i in blank:
                self._reject(source, batch.split, label, blank[i])
            else:
                self._good[batch.split, label] += 1
                self._aspect_ratios.append(_aspect_ratio(batch.pixels[i]))

    def _reject(self, source: str, split: str, label: str | None, error: RejectedError) -> None:
        known = self._rejections.get(error.reason.value, Rejection(0, source, error.detail))
        self._rejections[error.reason.value] = dataclasses.replace(known, count=known.count + 1)
        self._bad[split, label] += 1
        self.rejected_sources.add(source)

    def classes_without_a_good_image(self) -> list[str]:
        """Return the classes of which every image in the sample was rejected."""
        good = {label for _, label in self._good}
        return sorted({label for _, label in self._bad if label is not None} - good)

    def without_bad(self, inspection: SourceInspection) -> SourceInspection:
        """Return the inspection without rejected images, in those groups whose every image was read."""
        labels: dict[str, dict[str, int]] = {}
        unlabeled: dict[str, int] = {}
        for group, size in _group_sizes(inspection):
            split, label = group
            is_whole = self._good[group] + self._bad[group] >= size
            left = self._good[group] if is_whole else size
            if label is None or not left:
                unlabeled[split] = unlabeled.get(split, 0) + left
            else:
                labels.setdefault(split, {})[label] = left
        return dataclasses.replace(inspection, labels=labels, unlabeled=unlabeled)

    def survey(self, inspection: SourceInspection, is_exact: bool, doubts: Sequence[str]) -> Survey:
        """Return the survey; each group is weighted by its number of images in the source."""
        sizes = dict(_group_sizes(inspection))
        looked = self._good + self._bad
        num_looked_at = sum(looked.values())
        weights = {group: max(sizes.get(group, 0), looked[group]) for group in looked}
        bad = sum(weights[group] * self._bad[group] / looked[group] for group in looked)
        share = bad / max(sum(weights.values()), 1)
        usable = sum(weights[group] for group in looked) - bad
        listed = sum(sizes.get(group, 0) for group in looked)
        is_whole = is_exact and num_looked_at >= inspection.num_images
        least = share if is_whole else _least_share(share, num_looked_at)
        unused = unused_bits(self._deepest, self._ingest.seen_as.bit_depth)
        unusable = {}
        for label in sorted({label for _, label in looked if label is not None}):
            groups = [group for group in looked if group[1] == label]
            if not any(self._good[group] for group in groups):
                of = max(sum(sizes.get(group, 0) for group in groups), sum(looked[group] for group in groups))
                unusable[label] = (sum(looked[group] for group in groups), of)
        return Survey(
            inspection,
            is_exact,
            (*doubts, *([unused] if unused else [])),
            num_looked_at,
            is_whole,
            share,
            min(usable / listed, 1.0) if listed else 0.0,
            least,
            dict(sorted(self._rejections.items(), key=lambda item: -item[1].count)),
            unusable,
            self._seconds / max(num_looked_at, 1),
            tuple(self._aspect_ratios),
        )


def _aspect_ratio(pixels: npt.NDArray[Any]) -> float:
    """Return width over height of an image, [H, W] or [H, W, C]."""
    return float(pixels.shape[1] / pixels.shape[0])


def _group_sizes(inspection: SourceInspection) -> Iterator[tuple[Group, int]]:
    for split, counts in inspection.labels.items():
        for label, count in counts.items():
            yield (split, label), count
    for split, count in inspection.unlabeled.items():
        yield (split, None), count


def _least_share(share: float, num_images: int) -> float:
    """Return the lower end of Wilson's interval for a share of a sample."""
    if num_images < _MIN_IMAGES:
        return 0.0
    square = _SURE**2 / num_images
    center = share + square / 2
    width = _SURE * math.sqrt(share * (1 - share) / num_images + square / (4 * num_images))
    return max((center - width) / (1 + square), 0.0)


def _require_usable(survey: Survey, ingest: IngestConfig) -> None:
    if survey.least_bad_share > ingest.max_bad_fraction:
        about = "" if survey.is_whole else "about "
        raise DataError(
            f"Of {ingest.source}, {about}{survey.bad_share:.1%} of the images would be set aside, but at "
            f"most {ingest.max_bad_fraction:.1%} may be (data.max_bad_fraction). "
            f"Of {survey.num_looked_at:,} images that were looked at:\n"
            + "\n".join(f"  {line}" for line in described(survey.rejections))
            + "".join(f"\nwarning: {doubt}" for doubt in survey.doubts)
            + "\nRepair or remove them, or raise the limit."
        )
    gone = [label for label, (looked, of) in survey.unusable_classes.items() if looked == of]
    left = tuple(sorted(set(survey.inspection.class_names) - set(gone)))
    if survey.is_exact and gone:
        if not left:
            raise DataError(f"Received {ingest.source}, in which no image of any class can be used.")
        require_classes(left, f"{ingest.source} (no image of {', '.join(map(repr, gone))} can be used)")


def described(rejections: Mapping[str, Rejection]) -> list[str]:
    """Return one line per reason: number of images, and the first image with the particulars."""
    return [
        f"{reason}: {each.count:,}, for example {names.shortened(each.source)} "
        f"({names.shortened(each.detail, 400)})"
        for reason, each in rejections.items()
    ]
