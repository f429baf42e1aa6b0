"""What the Evaluator nodes of a run measured."""

import dataclasses
from collections.abc import Sequence

from tfx_contrastive.components.evaluation import results as evaluation_results

from . import files, known_by_heart
from .lineage import Run

# split -> node that measured it; `eval` decides, `test` is only reported.
_NODES = {"test": "TestEvaluator", "eval": "Evaluator"}


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Metrics on one split.

    Attributes:
        split: `eval` or `test`.
        artifact_id: The evaluation's id in ML Metadata.
        slices: All examples together first, then slice by slice.
        failures: Thresholds that were missed, one sentence each; only `eval` has thresholds.
        thresholds: What was asked for.
    """

    split: str
    artifact_id: int
    slices: tuple[evaluation_results.SliceMetrics, ...]
    failures: tuple[str, ...]
    thresholds: tuple[evaluation_results.Threshold, ...] = ()

    @property
    def warning(self) -> str:
        """Why accuracy says less than it seems to; empty where it does not."""
        return known_by_heart.warning(self.split, {each.slice: each.values for each in self.slices})

    @property
    def overall(self) -> evaluation_results.SliceMetrics:
        """Metrics of all examples together."""
        return self.slices[0]


def collect_evaluations(run: Run) -> tuple[Evaluation, ...]:
    """Evaluations of a run, `test` first; empty without a classifier."""
    found = []
    for split, node_id in _NODES.items():
        artifact = files.finished_output(run, node_id, "evaluation")
        if artifact is not None:
            slices = evaluation_results.read_metrics(artifact.uri)
            failures = evaluation_results.read_failures(artifact.uri) if split == "eval" else ()
            if slices:
                asked = evaluation_results.read_thresholds(artifact.uri)
                found.append(Evaluation(split, artifact.id, slices, failures, asked))
    return tuple(found)


def of_split(evaluations: Sequence[Evaluation], split: str) -> Evaluation | None:
    """The evaluation of one split, None if there is none."""
    return next((evaluation for evaluation in evaluations if evaluation.split == split), None)
