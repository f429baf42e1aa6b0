"""Label efficiency: accuracy by label budget, over the runs that ML Metadata knows."""

import dataclasses
import json
from collections.abc import Sequence

from pipeline.lineage import Run
from pipeline.report import files
from pipeline.report.evaluations import Evaluation, collect_evaluations, of_split

_MAX_RUNS = 24


@dataclasses.dataclass(frozen=True)
class BudgetPoint:
    """One run: labelled training images, and what its classifier reached."""

    run_id: str
    labels_per_class: int | None
    num_labelled: int
    mode: str
    accuracy: float
    split: str


def collect_budget_points(
    run: Run, runs: Sequence[Run], evaluations: tuple[Evaluation, ...]
) -> tuple[BudgetPoint, ...]:
    """One point a model, by number of labels; empty unless at least two budgets were tried.

    Args:
        run: The run of the report.
        runs: Every run of the pipeline, the newest first.
        evaluations: What was measured of `run`, which the caller has read already.
    """
    budgets = {_num_labelled(other) for other in (run, *runs)} - {None}
    if len(budgets) < 2:
        return ()
    points: dict[int, BudgetPoint] = {}
    for other in (run, *runs[:_MAX_RUNS]):
        trainer = files.finished_output(other, "Trainer", "model")
        labelled = _num_labelled(other)
        if trainer is None or labelled is None or trainer.id in points:
            continue
        measured = evaluations if other.id == run.id else collect_evaluations(other)
        found = of_split(measured, "test") or of_split(measured, "eval")
        if found is not None:
            points[trainer.id] = BudgetPoint(
                other.id,
                _budget(other),
                labelled,
                _mode(other),
                found.overall.values["accuracy"],
                found.split,
            )
    ordered = sorted(points.values(), key=lambda point: (point.num_labelled, point.run_id))
    return tuple(ordered) if len({point.num_labelled for point in ordered}) > 1 else ()


def _num_labelled(run: Run) -> int | None:
    artifact = files.finished_output(run, "ImageExampleGen", "examples")
    return artifact.properties.get("num_train_labelled") if artifact else None


def _budget(run: Run) -> int | None:
    node = run.node("ImageExampleGen")
    return json.loads(str(node.properties["ingest"])).get("labels_per_class") if node else None


def _mode(run: Run) -> str:
    node = run.node("Trainer")
    custom = json.loads(str(node.properties.get("custom_config", "{}"))) if node else {}
    return json.loads(custom.get("head", "{}")).get("mode", "")
