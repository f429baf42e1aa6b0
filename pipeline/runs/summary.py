"""What a run came to, gathered from its artifacts and ML Metadata."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from tfx.dsl.io import fileio

from tfx_contrastive.components.evaluation import results as evaluation_results

from . import known_by_heart
from .lineage import NodeRun, Run


@dataclasses.dataclass(frozen=True)
class Summary:
    """The figures that the end of a run shows; parts that the run has not are None or empty.

    Attributes:
        images: Counts of ImageExampleGen: read, written by split, set aside by reason.
        quarantine: Directory of what was set aside.
        representation: Figures of the encoder: kNN and linear probe, rank, uniformity.
        evaluation: Metrics on `eval`, by which the gates decide.
        test: Metrics on `test`, reported only.
        warnings: Why the accuracies say less than they seem to, one sentence each.
        blessed: Whether every gate let the model pass.
        reasons: Why not, one sentence each.
        baseline: Which model it was compared with.
        new_classes: Classes that the model in use doesn't know.
        gone_classes: Classes of the model in use that this one doesn't know.
        pushed_model: Directory of the served version or, of a challenger, where the Pusher put it; empty if
            nothing was pushed.
    """

    images: Mapping[str, Any]
    quarantine: str
    representation: Mapping[str, Any]
    evaluation: Mapping[str, float]
    test: Mapping[str, float]
    warnings: tuple[str, ...]
    blessed: bool
    reasons: tuple[str, ...]
    baseline: str
    new_classes: tuple[str, ...]
    gone_classes: tuple[str, ...]
    pushed_model: str


def summarise(run: Run) -> Summary:
    """Gathers the figures of a finished run."""
    representation = _json(run.node("RepresentationGate"), "representation", "metrics.json")
    example_gen = run.node("ImageExampleGen")
    evaluator = run.node("Evaluator")
    reasons = list(representation.get("reasons", ()))
    if evaluator is not None:
        reasons += evaluation_results.read_failures(evaluator.output("evaluation").uri)
    resolver = run.node("BaselineResolver")
    baseline = resolver.output("baseline_model").properties if resolver else {}
    test, evaluation = _by_slice(run.node("TestEvaluator")), _by_slice(evaluator)
    warnings = (known_by_heart.warning("test", test), known_by_heart.warning("eval", evaluation))
    return Summary(
        images=_json(example_gen, "quarantine", "summary.json"),
        quarantine=example_gen.output("quarantine").uri if example_gen else "",
        representation=representation,
        evaluation=evaluation.get(evaluation_results.OVERALL, {}),
        test=test.get(evaluation_results.OVERALL, {}),
        warnings=tuple(filter(None, warnings)),
        blessed=_blessed(run),
        reasons=tuple(reasons),
        baseline=str(baseline.get("source", "")),
        new_classes=tuple(json.loads(baseline.get("new_classes", "[]"))),
        gone_classes=tuple(json.loads(baseline.get("gone_classes", "[]"))),
        pushed_model=_pushed(run),
    )


def _blessed(run: Run) -> bool:
    node = run.node("CombinedBlessing") or run.node("RepresentationGate")
    return bool(node and node.output("blessing").properties.get("blessed") == 1)


def _pushed(run: Run) -> str:
    pusher, registry_pusher = run.node("Pusher"), run.node("RegistryPusher")
    pushed = pusher.output("pushed_model").properties if pusher else {}
    registered = registry_pusher.output("registration").properties if registry_pusher else {}
    place = registered.get("served_as") or pushed.get("pushed_destination", "")
    return str(place) if pushed.get("pushed") == 1 else ""


def _by_slice(evaluator: NodeRun | None) -> Mapping[str, Mapping[str, float]]:
    """Metrics of each slice, by its name."""
    if evaluator is None:
        return {}
    metrics = evaluation_results.read_metrics(evaluator.output("evaluation").uri)
    return {each.slice: each.values for each in metrics}


def _json(node: NodeRun | None, key: str, name: str) -> Mapping[str, Any]:
    if node is None:
        return {}
    with fileio.open(f"{node.output(key).uri}/{name}") as handle:
        return json.loads(handle.read())
