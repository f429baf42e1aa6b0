"""What the splits will hold, foretold from a survey: the same rules as `splits.py`, by numbers alone."""

import collections

from tfx_contrastive.components.examples.records import UNSPLIT
from tfx_contrastive.components.image_example_gen.config import IngestConfig
from tfx_contrastive.components.image_example_gen.inspection import SourceInspection
from tfx_contrastive.components.image_example_gen.survey import Survey
from tfx_contrastive.contract.examples import EVAL, TEST, TRAIN


def expected_splits(survey: Survey, ingest: IngestConfig) -> dict[str, tuple[int, int, bool]]:
    """What the splits will hold.

    Returns:
        Split -> images, labels among them, and whether both are certain; copies of a picture, which are
        kept once, are not known beforehand.
    """
    inspection = survey.inspection
    return _Division(inspection, ingest, survey.usable_share, survey.is_exact).splits()


class _Division:
    def __init__(self, inspection: SourceInspection, ingest: IngestConfig, usable: float, is_exact: bool):
        self._inspection, self._ingest, self._usable = inspection, ingest, usable
        self._is_exact = is_exact and usable == 1
        self._own = {*inspection.labels, *inspection.unlabelled}
        self._pool: collections.Counter[str] = collections.Counter()
        for split in (TRAIN, UNSPLIT):
            self._pool.update(inspection.labels.get(split, {}))
        self._unlabelled = sum(inspection.unlabelled.get(split, 0) for split in (TRAIN, UNSPLIT))
        self._given = sum(inspection.given_labels.values())
        if not inspection.num_labelled and self._given:  # only the labels files have labels
            self._pool.update(inspection.given_labels)
            self._unlabelled = max(self._unlabelled - self._given, 0)
            self._given = 0

    def splits(self) -> dict[str, tuple[int, int, bool]]:
        fractions = {
            split: 0.0 if split in self._own else fraction
            for split, fraction in (
                (EVAL, self._ingest.eval_fraction),
                (TEST, self._ingest.test_fraction),
            )
        }
        is_certain = self._is_exact and not any(fractions.values()) and not self._given
        rest = 1 - sum(fractions.values())
        labels = sum(self._budget(count * rest) for count in self._pool.values()) + self._given
        found = {TRAIN: self._row(sum(self._pool.values()), self._unlabelled, rest, labels, is_certain)}
        for split, fraction in fractions.items():
            counts = self._inspection.labels.get(split, {})
            if fraction:
                found[split] = self._carved(fraction)
                continue
            images = sum(counts.values())
            if not self._inspection.has_labels:
                images += self._inspection.unlabelled.get(split, 0)
            found[split] = (
                round(images * self._usable),
                round(sum(counts.values()) * self._usable),
                self._is_exact,
            )
        return found

    def _row(
        self, labelled: int, unlabelled: int, rest: float, labels: float, is_certain: bool
    ) -> tuple[int, int, bool]:
        share = rest if not self._inspection.has_labels else 1.0
        images = (labelled * rest + unlabelled * share) * self._usable
        return round(images), min(round(labels * self._usable), round(images)), is_certain

    def _carved(self, fraction: float) -> tuple[int, int, bool]:
        labelled = sum(self._pool.values())
        images = (labelled if self._inspection.has_labels else self._unlabelled) * fraction * self._usable
        return round(images), round(images) if self._inspection.has_labels else 0, False

    def _budget(self, count: float) -> float:
        limit = self._ingest.labels_per_class
        return count if limit is None else min(count, limit)
