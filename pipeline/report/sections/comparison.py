"""The section on a second run: figures, settings and curves of both, side by side."""

import contextlib
import dataclasses
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from tfx_contrastive.pipeline.report.sections.classifier import METRIC_TITLES
from tfx_contrastive.pipeline.report.sections.representation import FIGURE_TITLES
from tfx_contrastive.pipeline.runs.lineage import Artifact, NodeRun, Run
from tfx_contrastive.pipeline.runs.record import RunRecord
from tfx_contrastive.pipeline.runs.training_log import Series

_LESS_IS_BETTER = ("expected_calibration_error",)
_COMPARED_FIGURES = ("knn_accuracy", "linear_probe_accuracy", "effective_rank", "view_retrieval")
_TINY = 1e-9
# Endings of the names of settings that identify code or data.
_DERIVED = ("code", "fingerprint", "digest", "git_commit", "checkpoint_root")


@dataclasses.dataclass(frozen=True)
class Delta:
    """One figure of two runs; either may be missing, and either may be NaN."""

    group: str
    title: str
    before: float | None
    after: float | None
    more_is_better: bool

    @property
    def change(self) -> float | None:
        """Change from before to after; None if either is missing, NaN if either is not a number."""
        return None if self.before is None or self.after is None else self.after - self.before

    @property
    def comparable(self) -> bool:
        """False if one of the figures is not a number."""
        return self.change is None or not math.isnan(self.change)

    @property
    def tone(self) -> Literal["better", "worse", "same"]:
        """`better`, `worse` or `same`; `same` also if the figures can't be compared."""
        if self.change is None or not self.comparable or abs(self.change) < _TINY:
            return "same"
        return "better" if (self.change > 0) == self.more_is_better else "worse"


@dataclasses.dataclass(frozen=True)
class Change:
    """One setting that differs; empty text where a run has none."""

    node: str
    key: str
    before: str
    after: str

    @property
    def derived(self) -> bool:
        """True if code, data or other settings determine the value, so that nobody set it."""
        return self.key.rpartition(".")[2].endswith(_DERIVED)


@dataclasses.dataclass(frozen=True)
class Side:
    """A short description of one of the two runs."""

    run_id: str
    started: str
    state: str
    verdict: str
    pushed_version: str
    seconds: float


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The section; `before` is the other run, `after` the one that is reported.

    Attributes:
        before: The other run.
        after: The run of the report.
        deltas: Figures of both.
        changes: Settings that differ, for the nodes that both runs reached.
        curves: Series of both runs per tag, for the scalars that both logged.
    """

    before: Side
    after: Side
    deltas: tuple[Delta, ...]
    changes: tuple[Change, ...]
    curves: Mapping[str, tuple[Series, Series]]


def compare(before: RunRecord, after: RunRecord, curves: bool) -> Comparison:
    """Compare two runs.

    Args:
        before: The other run.
        after: The run of the report.
        curves: Whether to read the logs of pretraining too.
    """
    return Comparison(
        _side(before),
        _side(after),
        tuple(_deltas(_figures(before), _figures(after))),
        tuple(_changes(before.run, after.run)),
        _curves(before, after) if curves else {},
    )


def last_blessed_before(record: RunRecord, records: Iterable[RunRecord]) -> RunRecord | None:
    """Return the newest older run whose gates blessed another model; None if there is none.

    Args:
        record: The run.
        records: Every run of the pipeline, the newest first.
    """
    own = _judged_model(record.run)
    for other in records:
        older = other.run.started < record.run.started and other.run.id != record.run.id
        model = _judged_model(other.run) if older and other.gate.blessed else None
        if model is not None and (own is None or model.id != own.id):
            return other
    return None


def _judged_model(run: Run) -> Artifact | None:
    """Return the model that the gates decide on: the classifier, or the encoder without a classifier."""
    nodes = (run.node("Trainer"), run.node("Pretrainer"))
    return next((node.output("model") for node in nodes if node and node.outputs.get("model")), None)


def _side(record: RunRecord) -> Side:
    run = record.run
    return Side(
        run.id,
        run.started.strftime("%Y-%m-%d %H:%M UTC"),
        run.state,
        record.gate.word,
        record.delivery.pushed_version,
        sum(node.seconds for node in run.nodes),
    )


def _figures(record: RunRecord) -> dict[tuple[str, str, bool], float]:
    """Return the figures of a run by (group, title, whether more is better)."""
    found = {}
    for evaluation in record.evaluations:
        for name, title in METRIC_TITLES.items():
            if name in evaluation.overall.values:
                key = (f"classifier, {evaluation.split}", title, name not in _LESS_IS_BETTER)
                found[key] = evaluation.overall.values[name]
    figures = record.representation.get("figures", {})
    for name in _COMPARED_FIGURES:
        if name in figures:
            found["encoder", FIGURE_TITLES[name][0], True] = figures[name]
    return found


def _deltas(
    before: Mapping[tuple[str, str, bool], float], after: Mapping[tuple[str, str, bool], float]
) -> Iterator[Delta]:
    for key in dict.fromkeys((*after, *before)):
        group, title, more = key
        yield Delta(group, title, before.get(key), after.get(key), more)


def _changes(before: Run, after: Run) -> Iterator[Change]:
    ids = dict.fromkeys(node.id for run in (before, after) for node in run.nodes)
    for node_id in ids:
        if before.node(node_id) is None or after.node(node_id) is None:
            continue  # a node that one run did not reach would differ in every setting
        old, new = settings(before.node(node_id)), settings(after.node(node_id))
        for key in sorted({*old, *new}):
            if old.get(key) != new.get(key):
                yield Change(node_id, key, old.get(key, ""), new.get(key, ""))


def settings(node: NodeRun | None) -> dict[str, str]:
    """Return the properties of a node as text by dotted key; JSON values are taken apart."""
    if node is None:
        return {}
    flat: dict[str, str] = {}
    for key, value in node.properties.items():
        if not key.startswith("_"):
            _flatten(key, value, flat)
    return flat


def _flatten(key: str, value: Any, into: dict[str, str]) -> None:
    if isinstance(value, str) and value[:1] in ("{", "["):
        with contextlib.suppress(ValueError):
            value = json.loads(value)
    if isinstance(value, dict):
        for inner_key, inner in value.items():
            _flatten(f"{key}.{inner_key}", inner, into)
    elif isinstance(value, list) and any(isinstance(each, dict) for each in value):
        for number, each in enumerate(value):
            _flatten(f"{key}[{number}]", each, into)
    else:
        into[key] = str(value)


def _curves(before: RunRecord, after: RunRecord) -> dict[str, tuple[Series, Series]]:
    """Return the scalars that the pretraining of both runs logged, by tag."""
    old, new = (
        {s.tag: s for s in r.pretraining_log.series} if r.pretraining_log else {} for r in (before, after)
    )
    return {tag: (old[tag], series) for tag, series in new.items() if tag in old}
