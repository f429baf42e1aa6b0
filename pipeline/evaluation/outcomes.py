"""What TFMA's metrics of this package are derived from: one pass over the predictions.

TFMA hands each example to the combiner of each metric, once a slice. Converted once an example and
added up a thousand at a time, all metrics here together cost less than one of them did.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis.metrics import metric_types, metric_util
from tensorflow_model_analysis.proto import config_pb2

CONFIDENCE_BINS = 15
_MOST_PROBABILITY_BINS = 4096
_LEAST_PROBABILITY_BINS = 256
_ALL_BINS = 40960  # of all classes together, so that a slice of 1,000 classes takes 4 MiB
_PENDING = 1024


@dataclasses.dataclass(frozen=True)
class Outcomes:
    """Sums of example weights over one slice.

    Attributes:
        confusion: float64 [num_classes, num_classes]: by actual and by most probable class.
        confidence: float64 [CONFIDENCE_BINS, 3]: weights, confidences times weights and weights of
            hits, by bin of the most probable class's probability.
        probability: float64 [num_classes, 2, num_bins]: by bin of the class's probability, others
            than its members in row 0, members in row 1.
    """

    confusion: np.ndarray
    confidence: np.ndarray
    probability: np.ndarray

    @classmethod
    def of(cls, labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> "Outcomes":
        """Adds up examples.

        Args:
            labels: int64 [n], indices of classes.
            probabilities: float [n, num_classes], each in [0, 1].
            weights: float [n].
        """
        number, num_classes = probabilities.shape
        guesses = probabilities.argmax(axis=1)
        confidences = probabilities[np.arange(number), guesses].astype(np.float64)
        confusion = np.zeros((num_classes, num_classes))
        np.add.at(confusion, (labels, guesses), weights)
        confidence = np.zeros((CONFIDENCE_BINS, 3))
        rows = np.stack([weights, weights * confidences, weights * (guesses == labels)], axis=1)
        np.add.at(confidence, _bins(confidences, CONFIDENCE_BINS), rows)
        num_bins = max(_LEAST_PROBABILITY_BINS, min(_MOST_PROBABILITY_BINS, _ALL_BINS // num_classes))
        probability = np.zeros((num_classes, 2, num_bins))
        classes = np.arange(num_classes)
        members = (labels[:, None] == classes).astype(np.int64)
        np.add.at(probability, (classes, members, _bins(probabilities, num_bins)), weights[:, None])
        return cls(confusion, confidence, probability)

    def __add__(self, other: "Outcomes") -> "Outcomes":
        return Outcomes(
            self.confusion + other.confusion,
            self.confidence + other.confidence,
            self.probability + other.probability,
        )


def derived_metric(value_of: Callable[[Outcomes], Any]) -> Callable[..., list[Any]]:
    """What a `tfma.metrics.Metric` of one value takes to make its computations.

    Args:
        value_of: The metric's value from what was added up; a slice has at least one example.
    """

    def create(
        name: str,
        eval_config: config_pb2.EvalConfig | None = None,
        model_name: str = "",
        output_name: str = "",
        example_weighted: bool = False,
    ) -> list[Any]:
        key = metric_types.MetricKey(
            name=name, model_name=model_name, output_name=output_name, example_weighted=example_weighted
        )
        return derive(key, eval_config, lambda found: {key: value_of(found)}, [key])

    return metric_util.merge_per_key_computations(create)


def derive(
    key: metric_types.MetricKey,
    eval_config: config_pb2.EvalConfig | None,
    values_of: Callable[[Outcomes], Mapping[metric_types.MetricKey, Any]],
    keys: Sequence[metric_types.MetricKey],
) -> list[Any]:
    """Computations of `keys` from the outcomes of the model and output that `key` names.

    TFMA adds up the outcomes once, however many metrics are derived from them.
    """
    private = key._replace(name="_outcomes")
    computation = metric_types.MetricComputation(
        keys=[private], preprocessors=[_Prediction(private, eval_config)], combiner=_AddUp(private)
    )

    def result(metrics: Mapping[Any, Any]) -> dict[Any, Any]:
        return dict(values_of(metrics[private]))

    return [computation, metric_types.DerivedMetricComputation(keys=list(keys), result=result)]


def _bins(values: np.ndarray, number: int) -> np.ndarray:
    return np.minimum((values * number).astype(np.int64), number - 1)


class _Prediction(metric_types.Preprocessor):
    """Extracts of one example -> (index of its class, probabilities, weight)."""

    def __init__(self, key: metric_types.MetricKey, eval_config: config_pb2.EvalConfig | None):
        super().__init__(name=f"{key.model_name}/{key.output_name}/{key.example_weighted}")
        self._key = key
        self._eval_config = eval_config

    def process(self, extracts: Mapping[str, Any]) -> Iterator[tuple[int, np.ndarray, float]]:
        label, probabilities, weight = next(
            metric_util.to_label_prediction_example_weight(
                metric_util.to_standard_metric_inputs(extracts),
                eval_config=self._eval_config,
                model_name=self._key.model_name,
                output_name=self._key.output_name,
                example_weighted=self._key.example_weighted,
                flatten=False,
                require_single_example_weight=True,
            )
        )
        actual = int(np.argmax(label)) if label.size > 1 else int(label.item())
        yield actual, probabilities, float(weight.item())


@dataclasses.dataclass
class _Sum:
    """What was added up, and the examples that still wait for it."""

    total: Outcomes | None = None
    pending: list[tuple[int, np.ndarray, float]] = dataclasses.field(default_factory=list)

    def add(self, part: Outcomes | None) -> None:
        """Adds what another one added up."""
        if part is not None:
            self.total = part if self.total is None else self.total + part

    def fold(self, least: int) -> "_Sum":
        """Adds up what waits, if that is so much."""
        if len(self.pending) >= least:
            labels, probabilities, weights = zip(*self.pending, strict=True)
            self.add(Outcomes.of(np.array(labels), np.array(probabilities), np.array(weights)))
            self.pending = []
        return self


class _AddUp(beam.CombineFn):
    def __init__(self, key: metric_types.MetricKey):
        self._key = key

    def create_accumulator(self) -> _Sum:
        return _Sum()

    def add_input(self, accumulator: _Sum, element: tuple[int, np.ndarray, float]) -> _Sum:
        accumulator.pending.append(element)
        return accumulator.fold(_PENDING)

    def merge_accumulators(self, accumulators: Iterable[_Sum]) -> _Sum:
        merged = _Sum()
        for accumulator in accumulators:
            merged.pending += accumulator.pending
            merged.add(accumulator.total)
        return merged.fold(_PENDING)

    def extract_output(self, accumulator: _Sum) -> dict[Any, Outcomes]:
        total = accumulator.fold(1).total
        assert total is not None, "TFMA makes no slice without an example"
        return {self._key: total}
