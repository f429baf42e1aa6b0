"""The verdict: blessed or not, by which gate, against which baseline, and what changed."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal

from tfx_contrastive.components.anomaly_gate.anomalies import Anomaly
from tfx_contrastive.pipeline.report.sections.comparison import Comparison
from tfx_contrastive.pipeline.report.sections.data import Data
from tfx_contrastive.pipeline.report.sections.representation import Representation
from tfx_contrastive.pipeline.runs.evaluations import Evaluation, of_split
from tfx_contrastive.pipeline.runs.lineage import Run
from tfx_contrastive.pipeline.runs.standing import Standing, standing_of

Outcome = Literal["passed", "refused", "failed", "not reached"]


@dataclasses.dataclass(frozen=True)
class Gate:
    """One gate.

    Attributes:
        node_id: The node that decides.
        looks_at: What it looks at.
        outcome: What it said.
        reasons: Why it refused, one sentence each.
        met: What it got and asked for, such as `accuracy 0.8436 ≥ 0.8`.
    """

    node_id: str
    looks_at: str
    outcome: Outcome
    reasons: tuple[str, ...]
    met: tuple[str, ...] = ()


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
        warnings: Why they say less than they seem to, one sentence each.
        changes: Against the last blessed run; None if there is none.
    """

    headline: str
    tone: Literal["good", "bad", "warn"]
    sentence: str
    standing: Standing
    gates: tuple[Gate, ...]
    figures: tuple[KeyFigure, ...]
    warnings: tuple[str, ...]
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
    warnings = tuple(evaluation.warning for evaluation in evaluations if evaluation.warning)
    return Verdict(headline, tone, sentence, standing, gates, figures, warnings, changes)


def _headline(
    run: Run, standing: Standing, gates: tuple[Gate, ...]
) -> tuple[str, Literal["good", "bad", "warn"], str]:
    failed = [node.id for node in run.nodes if node.state == "failed"]
    if failed:
        return "Failed", "bad", f"{' and '.join(failed)} failed; nothing was pushed."
    if run.state == "interrupted":
        at = next((f"at {node.id}" for node in run.nodes if node.state == "interrupted"), "")
        where = at or f"after {run.nodes[-1].id}"
        return "Interrupted", "warn", f"Its process was ended {where}; the same command goes on there."
    if standing.blessed is None:
        return "Not finished", "warn", "No gate has reached a verdict."
    if not standing.blessed:
        refused = " and ".join(gate.node_id for gate in gates if gate.outcome == "refused")
        return "Not blessed", "bad", f"{refused or 'A gate'} refused the model; the one in use stays in use."
    pushed = f"Pushed as version {standing.pushed_version}." if standing.pushed_to else "Nothing was pushed."
    if standing.registered_as:
        aliases = f", {standing.aliases}" if standing.aliases else ""
        pushed += f" Registered as version {standing.registered_as}{aliases}."
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
        _stop(run, "ImageExampleGen", "images that can't be used", (), _set_aside(data)),
        _stop(run, "AnomalyGate", "statistics against the schema", data.anomalies if data else ()),
    ]
    checks = representation.checks if representation else ()
    refusals = [str(check["reason"]) for check in checks if check["outcome"] == "failed"]
    passed = [
        f"{_title(check['figure_name'])} {check['value']:.4g} "
        f"{'≤' if check['threshold_name'].startswith('max_') else '≥'} {check['threshold']:g}"
        for check in checks
        if check["outcome"] == "passed"
    ]
    gates.append(_blessing(run, "RepresentationGate", "what embeddings are worth", refusals, passed))
    if run.node("Trainer") is not None:
        evaluation = of_split(evaluations, "eval")
        failures = evaluation.failures if evaluation else ()
        met = _met(evaluation, bool(standing_of(run).baseline)) if evaluation else ()
        gates.append(_blessing(run, "Evaluator", "the classifier on eval", failures, met))
    return tuple(gates)


def _set_aside(data: Data | None) -> tuple[str, ...]:
    if data is None or not data.read:
        return ()
    share = data.num_set_aside / data.read
    return (f"set aside {share:.2%} ≤ {data.max_bad_fraction:.2%}",)


def _title(metric: str) -> str:
    return metric.replace("_", " ").replace("knn", "kNN").replace("f1", "F1")


def _met(evaluation: Evaluation, has_baseline: bool) -> tuple[str, ...]:
    """Thresholds of the Evaluator that were met."""
    values, before = evaluation.overall.values, evaluation.overall.baseline
    met = []
    for threshold in evaluation.thresholds:
        name, value = threshold.metric, values.get(threshold.metric)
        title = _title(name)
        if value is None:
            continue
        if threshold.lower is not None and value >= threshold.lower:
            met.append(f"{title} {value:.4f} ≥ {threshold.lower:g}")
        if threshold.upper is not None and value <= threshold.upper:
            met.append(f"{title} {value:.4f} ≤ {threshold.upper:g}")
        if threshold.change is not None and has_baseline and name in before:
            change = value - before[name]
            if change >= threshold.change:
                met.append(f"{title} against the baseline {change:+.4f} ≥ {threshold.change:+g}")
    return tuple(met)


def _stop(
    run: Run, node_id: str, looks_at: str, found: tuple[Anomaly, ...], measured: tuple[str, ...] = ()
) -> Gate:
    """A gate that stops the run instead of refusing a model."""
    node = run.node(node_id)
    state = node.state if node else ""
    outcomes: Mapping[str, Outcome] = {"ran": "passed", "cached": "passed", "failed": "failed"}
    outcome = outcomes.get(state, "not reached")
    reasons = tuple(str(anomaly) for anomaly in found) if outcome == "failed" else ()
    if outcome == "failed":
        reasons += measured
    return Gate(node_id, looks_at, outcome, reasons, measured if outcome == "passed" else ())


def _blessing(run: Run, node_id: str, looks_at: str, reasons: Sequence[str], met: Sequence[str]) -> Gate:
    node = run.node(node_id)
    if node is None or node.state not in ("ran", "cached"):
        failed = node is not None and node.state == "failed"
        return Gate(node_id, looks_at, "failed" if failed else "not reached", ())
    blessed = node.output("blessing").properties.get("blessed") == 1
    return Gate(
        node_id,
        looks_at,
        "passed" if blessed else "refused",
        () if blessed else tuple(reasons),
        tuple(met),
    )


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
