"""The verdict: blessed or not, by which gate, against which baseline, and what changed."""

import dataclasses
from collections.abc import Mapping
from typing import Literal

from components.anomaly_gate.anomalies import Anomaly
from pipeline.lineage import Run
from pipeline.report.evaluations import Evaluation, of_split
from pipeline.report.sections.comparison import Comparison
from pipeline.report.sections.data import Data
from pipeline.report.sections.representation import Representation
from pipeline.report.standing import Standing, standing_of

Outcome = Literal["passed", "refused", "failed", "not reached"]


@dataclasses.dataclass(frozen=True)
class Gate:
    """One gate: what it looks at, and what it said."""

    node_id: str
    looks_at: str
    outcome: Outcome
    reasons: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class KeyFigure:
    """A figure at the head of the report; `change` is against the baseline, None without one."""

    title: str
    value: str
    note: str
    change: float | None = None


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The section.

    Attributes:
        headline: Two or three words.
        tone: `good`, `bad` or `warn`.
        sentence: What it means.
        standing: As ML Metadata has it.
        gates: In the order in which they are met.
        figures: The most telling ones.
        changes: Against the last blessed run; None if there is none.
    """

    headline: str
    tone: Literal["good", "bad", "warn"]
    sentence: str
    standing: Standing
    gates: tuple[Gate, ...]
    figures: tuple[KeyFigure, ...]
    changes: Comparison | None


def collect_verdict(
    run: Run,
    data: Data | None,
    representation: Representation | None,
    evaluations: tuple[Evaluation, ...],
    changes: Comparison | None,
) -> Verdict:
    """Joins what the other sections found to the verdict."""
    standing = standing_of(run)
    gates = _gates(run, data, representation, evaluations)
    headline, tone, sentence = _headline(run, standing, gates)
    figures = _figures(standing, data, representation, evaluations)
    return Verdict(headline, tone, sentence, standing, gates, figures, changes)


def _headline(
    run: Run, standing: Standing, gates: tuple[Gate, ...]
) -> tuple[str, Literal["good", "bad", "warn"], str]:
    failed = [node.id for node in run.nodes if node.state == "failed"]
    if failed:
        return "Failed", "bad", f"{' and '.join(failed)} failed; nothing was pushed."
    if standing.blessed is None:
        return "Not finished", "warn", "No gate has reached a verdict."
    if not standing.blessed:
        refused = " and ".join(gate.node_id for gate in gates if gate.outcome == "refused")
        return "Not blessed", "bad", f"{refused or 'A gate'} refused the model; the one in use stays in use."
    pushed = f"Pushed as version {standing.pushed_version}." if standing.pushed_to else "Nothing was pushed."
    against = (
        f"Every gate let it pass, also against version {standing.baseline}, the model in use."
        if standing.baseline
        else "Every gate let it pass; there was no model in use to compare with."
    )
    return "Blessed", "good", f"{against} {pushed}"


def _gates(
    run: Run,
    data: Data | None,
    representation: Representation | None,
    evaluations: tuple[Evaluation, ...],
) -> tuple[Gate, ...]:
    gates = [
        _stop(run, "ImageExampleGen", "images that can't be used", ()),
        _stop(run, "AnomalyGate", "statistics against the schema", data.anomalies if data else ()),
    ]
    checks = representation.checks if representation else ()
    refusals = tuple(str(check["reason"]) for check in checks if check["outcome"] == "failed")
    gates.append(_blessing(run, "RepresentationGate", "what embeddings are worth", refusals))
    if run.node("Trainer") is not None:
        evaluation = of_split(evaluations, "eval")
        failures = evaluation.failures if evaluation else ()
        gates.append(_blessing(run, "Evaluator", "the classifier on eval", failures))
    return tuple(gates)


def _stop(run: Run, node_id: str, looks_at: str, found: tuple[Anomaly, ...]) -> Gate:
    """A gate that stops the run instead of refusing a model."""
    node = run.node(node_id)
    state = node.state if node else ""
    outcomes: Mapping[str, Outcome] = {"ran": "passed", "cached": "passed", "failed": "failed"}
    outcome = outcomes.get(state, "not reached")
    reasons = tuple(str(anomaly) for anomaly in found) if outcome == "failed" else ()
    return Gate(node_id, looks_at, outcome, reasons)


def _blessing(run: Run, node_id: str, looks_at: str, reasons: tuple[str, ...]) -> Gate:
    node = run.node(node_id)
    if node is None or node.state not in ("ran", "cached"):
        failed = node is not None and node.state == "failed"
        return Gate(node_id, looks_at, "failed" if failed else "not reached", ())
    blessed = node.output("blessing").properties.get("blessed") == 1
    return Gate(node_id, looks_at, "passed" if blessed else "refused", () if blessed else reasons)


def _figures(
    standing: Standing,
    data: Data | None,
    representation: Representation | None,
    evaluations: tuple[Evaluation, ...],
) -> tuple[KeyFigure, ...]:
    figures = []
    for split, note in (("test", "reported only"), ("eval", "decides")):
        evaluation = of_split(evaluations, split)
        if evaluation is not None:
            accuracy = evaluation.overall.values["accuracy"]
            before = evaluation.overall.baseline.get("accuracy") if standing.baseline else None
            change = None if before is None else accuracy - before
            macro_f1 = evaluation.overall.values.get("macro_f1")
            extra = "" if macro_f1 is None else f"macro F1 {macro_f1:.3f}, "
            figures.append(KeyFigure(f"Accuracy, {split}", f"{accuracy:.1%}", f"{extra}{note}", change))
    if representation is not None:
        known = {figure.name: figure for figure in representation.figures}
        probes = [known[name] for name in ("linear_probe_accuracy", "knn_accuracy") if name in known]
        label_free = [known[name] for name in ("view_retrieval",) if name in known]
        for figure in probes or label_free:
            figures.append(KeyFigure(figure.title, f"{figure.value:.1%}", "pretrained encoder"))
    if data is not None:
        train = next((split for split in data.splits if split.split == "train"), None)
        if train is not None:
            budget = f"{data.labels_per_class} a class" if data.labels_per_class else "all there are"
            figures.append(KeyFigure("Labels for training", f"{train.num_labelled:,}", budget))
            figures.append(
                KeyFigure("Training images", f"{train.images:,}", f"{data.num_set_aside:,} set aside")
            )
    return tuple(figures)
