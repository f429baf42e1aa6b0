"""Label efficiency: accuracy by label budget, over the runs that ML Metadata knows, and of a benchmark.

A benchmark's result is the JSON file that `python -m benchmarks.label_efficiency` writes. The report takes
`label_efficiency.json` under the root, or what `report --benchmark FILE` names, and reads of it:

    {"dataset": "Fashion-MNIST",
     "results": [{"method": "fine-tuned", "labels_per_class": 64, "seed": 0, "test_accuracy": 0.83}, …]}

One result is one method with one choice of labels; `labels_per_class` is null for all labels. Other keys
are left alone.
"""

import dataclasses
import json
import pathlib
from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ValidationError

from tfx_contrastive.contract.errors import NotFoundError
from tfx_contrastive.pipeline.runs import files
from tfx_contrastive.pipeline.runs.evaluations import Evaluation, collect_evaluations, of_split
from tfx_contrastive.pipeline.runs.lineage import Run

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


class _Result(BaseModel):
    method: str
    labels_per_class: int | None
    seed: int
    test_accuracy: float


class _Results(BaseModel):
    dataset: str
    results: tuple[_Result, ...]


@dataclasses.dataclass(frozen=True)
class BenchmarkPoint:
    """One method with one budget: accuracy on `test` over the seeds."""

    method: str
    labels_per_class: int | None
    mean: float
    lowest: float
    highest: float
    seeds: int

    @property
    def budget(self) -> str:
        """Labels a class as text, `all` without a limit."""
        return "all" if self.labels_per_class is None else f"{self.labels_per_class:,}"


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """A result of the label-efficiency benchmark.

    Attributes:
        dataset: What it was measured on.
        points: By method, then by budget, all labels last.
    """

    dataset: str
    points: tuple[BenchmarkPoint, ...]

    @property
    def budgets(self) -> tuple[str, ...]:
        """All budgets as text, the smallest first."""
        found = {(p.labels_per_class is None, p.labels_per_class or 0, p.budget) for p in self.points}
        return tuple(text for _, _, text in sorted(found))


def read_benchmark(path: pathlib.Path) -> Benchmark | None:
    """Reads a result; None where it has none yet.

    Raises:
        NotFoundError: If there is no such file, or it is no result of that benchmark.
    """
    try:
        read = _Results.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise NotFoundError(
            f"Received {path} as a result of the label-efficiency benchmark, which can't be read: {error}"
        ) from error
    found: dict[tuple[str, bool, int], list[_Result]] = {}
    for each in read.results:
        budget = each.labels_per_class
        found.setdefault((each.method, budget is None, budget or 0), []).append(each)
    points = []
    for key in sorted(found):
        values = [each.test_accuracy for each in found[key]]
        first = found[key][0]
        points.append(
            BenchmarkPoint(
                first.method,
                first.labels_per_class,
                float(np.mean(values)),
                min(values),
                max(values),
                len(values),
            )
        )
    return Benchmark(read.dataset, tuple(points)) if points else None


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
