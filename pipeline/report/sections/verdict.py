"""The section on the verdict: outcome of the run, gates, and changes since the last blessed run."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal

from tfx_contrastive.components.anomaly_gate.anomalies import Anomaly
from tfx_contrastive.components.gates.verdict import Decision
from tfx_contrastive.pipeline.report.sections.comparison import Comparison
from tfx_contrastive.pipeline.report.sections.data import Data
from tfx_contrastive.pipeline.report.sections.representation import Representation
from tfx_contrastive.pipeline.runs.evaluation import Evaluation
from tfx_contrastive.pipeline.runs.lineage import Run
from tfx_contrastive.pipeline.runs.record import RunRecord, verdict

Outcome = Literal["passed", "refused", "failed", "not reached"]
Tone = Literal["good", "bad", "warn"]


@dataclasses.dataclass(frozen=True)
class Gate:
    """One gate.

    Attributes:
        node_id: The node that decides.
        looks_at: The object of its checks, in a few words.
        outcome: Its outcome.
        reasons: One sentence per reason to refuse.
        met: The thresholds that were met, such as `accuracy 0.8436 ≥ 0.8`.
    """

    node_id: str
    looks_at: str
    outcome: Outcome
    reasons: tuple[str, ...]
    met: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class KeyFigure:
    """A figure at the top of the report; `change` is the difference to the baseline, None without one."""

    title: str
    value: str
    note: str
    change: float | None = None


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The section.

    Attributes:
        headline: One or two words.
        tone: `good`, `bad` or `warn`.
        sentence: The verdict and the delivery, as every command words them.
        gate: The decision of the gates.
        pushed_to: Directory of the pushed model; empty if none was pushed.
        gates: The gates, in the order of the pipeline.
        figures: The most important figures.
        warnings: Sentences on why these figures are less reliable than they look.
        changes: Comparison with the last blessed run; None if there is none.
    """

    headline: str
    tone: Tone
    sentence: str
    gate: Decision
    pushed_to: str
    gates: tuple[Gate, ...]
    figures: tuple[KeyFigure, ...]
    warnings: tuple[str, ...]
    changes: Comparison | None


def collect_verdict(
    record: RunRecord, data: Data | None, representation: Representation | None, changes: Comparison | None
) -> Verdict:
    """Gather the section.

    Args:
        record: The run.
        data: The section on the data; None without one.
        representation: The section on the representation; None without one.
        changes: Comparison with the last blessed run; None without one.
    """
    headline, tone = _headline(record)
    delivery = str(record.delivery)
    sentences = [verdict(record), delivery]
    if record.run.state == "interrupted":
        sentences.append("the same command goes on there")
    return Verdict(
        headline=headline,
        tone=tone,
        sentence=" ".join(f"{text[0].upper()}{text[1:]}." for text in sentences),
        gate=record.gate,
        pushed_to=record.delivery.pushed_to,
        gates=_gates(record, data),
        figures=_figures(record, data, representation),
        warnings=tuple(evaluation.warning for evaluation in record.evaluations if evaluation.warning),
        changes=changes,
    )


def _headline(record: RunRecord) -> tuple[str, Tone]:
    if record.run.state == "failed":
        return "Failed", "bad"
    if record.run.state == "interrupted":
        return "Interrupted", "warn"
    headlines: Mapping[str, tuple[str, Tone]] = {
        "blessed": ("Blessed", "good"),
        "refused": ("Not blessed", "bad"),
        "none": ("Not finished", "warn"),
    }
    return headlines[record.gate.word]


def _gates(record: RunRecord, data: Data | None) -> tuple[Gate, ...]:
    gates = [
        _stop(record.run, "ImageExampleGen", "images that can't be used", (), _set_aside(data)),
        _stop(record.run, "AnomalyGate", "statistics against the schema", data.anomalies if data else ()),
    ]
    checks = record.representation.get("checks", ())
    refusals = [str(check["reason"]) for check in checks if check["outcome"] == "failed"]
    passed = [
        f"{_title(check['figure_name'])} {check['value']:.4g} "
        f"{'≤' if check['threshold_name'].startswith('max_') else '≥'} {check['threshold']:g}"
        for check in checks
        if check["outcome"] == "passed"
    ]
    gates.append(
        _blessing(record.run, "RepresentationGate", "the quality of the embeddings", refusals, passed)
    )
    if record.run.node("Trainer") is not None:
        evaluation = record.evaluation("eval")
        failures = evaluation.failures if evaluation else ()
        met = _met(evaluation, bool(record.gate.baseline)) if evaluation else ()
        gates.append(_blessing(record.run, "Evaluator", "the classifier on eval", failures, met))
    return tuple(gates)


def _set_aside(data: Data | None) -> tuple[str, ...]:
    if data is None or not data.read:
        return ()
    share = data.num_set_aside / data.read
    return (f"set aside {share:.2%} ≤ {data.max_bad_fraction:.2%}",)


def _title(metric: str) -> str:
    return metric.replace("_", " ").replace("knn", "kNN").replace("f1", "F1")


def _met(evaluation: Evaluation, has_baseline: bool) -> tuple[str, ...]:
    """Return the thresholds of the Evaluator that were met."""
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
    """Return a gate that stops the run instead of refusing a model."""
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
    record: RunRecord, data: Data | None, representation: Representation | None
) -> tuple[KeyFigure, ...]:
    figures = []
    for split, note in (("test", "reported only"), ("eval", "decides")):
        evaluation = record.evaluation(split)
        if evaluation is not None:
            accuracy = evaluation.overall.values["accuracy"]
            before = evaluation.overall.baseline.get("accuracy") if record.gate.baseline else None
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
            budget = f"{data.labels_per_class} per class" if data.labels_per_class else "every label"
            figures.append(KeyFigure("Labels for training", f"{train.num_labeled:,}", budget))
            figures.append(
                KeyFigure("Training images", f"{train.images:,}", f"{data.num_set_aside:,} set aside")
            )
    return tuple(figures)
