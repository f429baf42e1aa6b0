"""Raw results on disk, kept one by one, so that a benchmark that was stopped goes on where it was."""

import json
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict
from scipy import stats

from tfx_contrastive.contract import locking


class Result(BaseModel):
    """What one method reached with one choice of labels.

    `labels_per_class` is None for all labels. Every choice was made on `eval`. Times are from the pretrained
    encoder on, all stages before this one included. `config_digest` is of the settings that the method reads.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    labels_per_class: int | None
    seed: int
    test_accuracy: float
    eval_accuracy: float
    seconds: float
    cpu_seconds: float
    config_digest: str
    commit: str
    finished: str
    details: Mapping[str, Any] = {}


class Pretraining(BaseModel):
    """What the encoder that all heads stand on took."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    num_steps: int
    num_images: int
    seconds: float
    cpu_seconds: float
    config_digest: str
    commit: str


class Report(BaseModel):
    """The file: what was run, on what, and every result."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    encoder: str
    hardware: str
    versions: Mapping[str, str]
    pretraining: Pretraining | None = None
    results: tuple[Result, ...] = ()

    def find(self, method: str, labels_per_class: int | None, seed: int) -> Result | None:
        """The result of one cell, if it is there already."""
        for each in self.results:
            if (each.method, each.labels_per_class, each.seed) == (method, labels_per_class, seed):
                return each
        return None


class Store:
    """The file of a report; each change is on disk, whole, before the next thing runs.

    Several processes may fill the same file: each change is made to what is on disk at that moment.
    """

    def __init__(
        self,
        path: pathlib.Path,
        fresh: Report,
        digests: Callable[[int | None], Mapping[str, str]],
        discard_outdated: bool = False,
    ):
        """Opens the file, or starts it with `fresh`.

        Args:
            path: The file.
            fresh: A report without results.
            digests: Of the present settings, by method, for labels a class.
            discard_outdated: Whether to throw away what other settings gave.

        Raises:
            ValueError: If the file holds results of other settings and they are not to be thrown away.
        """
        self._path = path
        self._lock = str(path.absolute().with_suffix(".lock"))
        self._fresh = fresh
        path.parent.mkdir(parents=True, exist_ok=True)
        outdated = [
            each
            for each in self.report.results
            if each.config_digest != digests(each.labels_per_class)[each.method]
        ]
        if outdated and not discard_outdated:
            raise ValueError(
                f"{path} holds {len(outdated)} results of other settings "
                f"({', '.join(sorted({each.method for each in outdated}))}): give another --out, or "
                "--discard-outdated to measure them again"
            )
        if outdated:
            self._change(
                lambda report: {"results": tuple(one for one in report.results if one not in outdated)}
            )

    @property
    def report(self) -> Report:
        """What is on disk now."""
        if not self._path.exists():
            return self._fresh
        return Report.model_validate_json(self._path.read_text(encoding="utf-8"))

    def add(self, result: Result) -> None:
        """Keeps one more result."""
        self._change(lambda report: {"results": (*report.results, result)})

    def set_pretraining(self, pretraining: Pretraining) -> None:
        """Keeps what pretraining took."""
        self._change(lambda _: {"pretraining": pretraining})

    def _change(self, change: Callable[[Report], Mapping[str, Any]]) -> None:
        with locking.exclusive(self._lock):
            report = self.report
            report = report.model_copy(update=change(report))
            part = self._path.with_suffix(".part")
            part.write_text(json.dumps(report.model_dump(), indent=1) + "\n", encoding="utf-8")
            os.replace(part, self._path)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean and half width of its 95 % interval by Student's t; NaN where there are too few values."""
    if not values:
        return float("nan"), float("nan")
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, float("nan")
    return mean, float(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values))
