"""The section on label efficiency: accuracy by number of labels, of the pipeline's runs and of a benchmark.

A benchmark's result is the JSON file that `python -m benchmarks.label_efficiency` writes. The report takes
`label_efficiency.json` under the root, or what `report --benchmark FILE` names, and reads of it:

    {"dataset": "Fashion-MNIST",
     "results": [{"method": "fine-tuned", "labels_per_class": 64, "seed": 0, "test_accuracy": 0.83}, …]}

Each result is that of one method with one choice of labels; `labels_per_class` is null if every label was
used. Other keys are ignored.
"""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ValidationError

from tfx_contrastive.contract.errors import NotFoundError
from tfx_contrastive.pipeline.runs.record import RunRecord

_MAX_RUNS = 24


@dataclasses.dataclass(frozen=True)
class BudgetPoint:
    """One run: its number of labeled training images and the accuracy of its classifier."""

    run_id: str
    labels_per_class: int | None
    num_labeled: int
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
    """Accuracy of one method with one budget on `test`, over the seeds."""

    method: str
    labels_per_class: int | None
    mean: float
    lowest: float
    highest: float
    seeds: int

    @property
    def budget(self) -> str:
        """Labels per class as text; `all` without a limit."""
        return "all" if self.labels_per_class is None else f"{self.labels_per_class:,}"


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """A result of the label-efficiency benchmark.

    Attributes:
        dataset: Name of the data set.
        points: Sorted by method, then by budget; all labels come last.
    """

    dataset: str
    points: tuple[BenchmarkPoint, ...]

    @property
    def budgets(self) -> tuple[str, ...]:
        """Budgets as text, the smallest first."""
        found = {(p.labels_per_class is None, p.labels_per_class or 0, p.budget) for p in self.points}
        return tuple(text for _, _, text in sorted(found))


def read_benchmark(path: pathlib.Path) -> Benchmark | None:
    """Read the result of the benchmark; None if it holds no measurement yet.

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


def collect_budget_points(record: RunRecord, runs: Sequence[RunRecord]) -> tuple[BudgetPoint, ...]:
    """Return one point per model, by number of labels; empty unless at least two budgets were tried.

    Args:
        record: The run of the report.
        runs: Every run of the pipeline, the newest first.
    """
    budgets = {other.num_labels for other in (record, *runs)} - {None}
    if len(budgets) < 2:
        return ()
    points: dict[int, BudgetPoint] = {}
    for other in (record, *runs[:_MAX_RUNS]):
        trained = other.output("Trainer", "model")
        if trained is None or other.num_labels is None or trained.id in points:
            continue
        found = other.evaluation("test") or other.evaluation("eval")
        if found is not None:
            points[trained.id] = BudgetPoint(
                other.run.id,
                other.ingest.labels_per_class if other.ingest else None,
                other.num_labels,
                other.head_mode,
                found.overall.values["accuracy"],
                found.split,
            )
    ordered = sorted(points.values(), key=lambda point: (point.num_labeled, point.run_id))
    return tuple(ordered) if len({point.num_labeled for point in ordered}) > 1 else ()
