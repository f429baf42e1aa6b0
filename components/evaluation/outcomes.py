"""Sums over the predictions of a slice, from which all metrics of this package are derived.

TFMA calls the combiner of each metric once per example and slice. Here each example is converted once, and a
thousand examples are summed at a time, so that all metrics together cost less than a single one did before.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

import apache_beam as beam
import numpy as np
import numpy.typing as npt
from tensorflow_model_analysis.metrics import metric_types, metric_util
from tensorflow_model_analysis.proto import config_pb2

from tfx_contrastive.contract.metrics.calibration import bin_numbers, reliability_bins
from tfx_contrastive.contract.signatures import ALL_CLASSES

FloatArray = npt.NDArray[np.floating[Any]]

_MOST_PROBABILITY_BINS = 4096
_LEAST_PROBABILITY_BINS = 256
_ALL_BINS = 40960  # limit for all classes together: a slice with 1,000 classes takes 4 MiB
_PENDING = 1024


class Scored(NamedTuple):
    """The prediction of a model for one example.

    Attributes:
        actual: Index of the example's class in the model's list of classes; -1 if the list lacks it.
        probabilities: float [num_classes].
        weight: Weight of the example.
        label: Name of the class if the model's list lacks it; otherwise empty.
        is_shared: True if every model of the evaluation knows the class.
        same_classes: True if every model of the evaluation has the same list of classes.
    """

    actual: int
    probabilities: FloatArray
    weight: float
    label: bytes = b""
    is_shared: bool = True
    same_classes: bool = True


@dataclasses.dataclass(frozen=True)
class Outcomes:
    """Sums of example weights over one slice, by the list of classes of one model.

    Attributes:
        known: float64 [num_classes, num_classes], by actual and by most probable class.
        unknown: Class that the model doesn't know -> float64 [num_classes], by most probable class.
        confidence: float64 [NUM_BINS, 3], as `reliability_bins` returns it.
        probability: float64 [num_classes, 2, num_bins], by bin of the class's probability: examples of other
            classes in row 0, examples of the class in row 1.
        shared: float64 [2], for the classes that every model knows: weights, weights of the correct examples.
        same_classes: True if every model of the evaluation has the same list of classes.
    """

    known: FloatArray
    unknown: Mapping[bytes, FloatArray]
    confidence: FloatArray
    probability: FloatArray
    shared: FloatArray
    same_classes: bool

    @property
    def num_classes(self) -> int:
        """Number of classes that the model knows."""
        return len(self.known)

    @property
    def confusion(self) -> FloatArray:
        """Weights by actual and by predicted class, float64 [K + U, K + U].

        The U classes that the model doesn't know come last. Their columns are 0, as it never predicts them,
        and each of their examples counts as a mistake.
        """
        rows = [*self.known, *(self.unknown[label] for label in sorted(self.unknown))]
        return np.pad(np.array(rows), ((0, 0), (0, len(self.unknown))))

    @classmethod
    def of(cls, scored: Sequence[Scored]) -> "Outcomes":
        """Sum one or more examples."""
        labels = np.array([each.actual for each in scored])
        probabilities = np.array([each.probabilities for each in scored])
        weights = np.array([each.weight for each in scored], np.float64)
        number, num_classes = probabilities.shape
        guesses = probabilities.argmax(axis=1)
        confidences = probabilities[np.arange(number), guesses].astype(np.float64)
        known, hits = labels >= 0, weights * (guesses == labels)
        confusion = np.zeros((num_classes, num_classes))
        np.add.at(confusion, (labels[known], guesses[known]), weights[known])
        unknown: dict[bytes, FloatArray] = {}
        for row in np.flatnonzero(~known):
            unknown.setdefault(scored[row].label, np.zeros(num_classes))[guesses[row]] += weights[row]
        confidence = reliability_bins(confidences, guesses == labels, weights)
        num_bins = max(_LEAST_PROBABILITY_BINS, min(_MOST_PROBABILITY_BINS, _ALL_BINS // num_classes))
        probability = np.zeros((num_classes, 2, num_bins))
        classes = np.arange(num_classes)
        members = (labels[:, None] == classes).astype(np.int64)
        np.add.at(probability, (classes, members, bin_numbers(probabilities, num_bins)), weights[:, None])
        is_shared = np.array([each.is_shared for each in scored])
        shared = np.array([weights[is_shared].sum(), hits[is_shared].sum()])
        same_classes = all(each.same_classes for each in scored)
        return cls(confusion, unknown, confidence, probability, shared, same_classes)

    def __add__(self, other: "Outcomes") -> "Outcomes":
        unknown = dict(self.unknown)
        for label, guesses in other.unknown.items():
            unknown[label] = unknown[label] + guesses if label in unknown else guesses
        return Outcomes(
            self.known + other.known,
            unknown,
            self.confidence + other.confidence,
            self.probability + other.probability,
            self.shared + other.shared,
            self.same_classes and other.same_classes,
        )


def derived_metric(value_of: Callable[[Outcomes], Any]) -> Callable[..., list[Any]]:
    """Return the function by which a `tfma.metrics.Metric` with one value creates its computations.

    Args:
        value_of: Function from the outcomes of a slice, which has at least one example, to the value.
    """
    return derived_metrics(lambda key, _, found: {key: value_of(found)})


def derived_metrics(
    values_of: Callable[
        [metric_types.MetricKey, config_pb2.EvalConfig | None, Outcomes],
        Mapping[metric_types.MetricKey, Any],
    ],
) -> Callable[..., list[Any]]:
    """Return the function by which a `tfma.metrics.Metric` with several values creates its computations.

    TFMA sums the outcomes once for all metrics that are derived from them.

    Args:
        values_of: Function from the metric's key, the configuration and the outcomes of a slice to the
            values.
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
        private = key._replace(name="_outcomes")
        computation = metric_types.MetricComputation(
            keys=[private], preprocessors=[_Prediction(private, eval_config)], combiner=_AddUp(private)
        )

        def result(metrics: Mapping[Any, Any]) -> dict[Any, Any]:
            return dict(values_of(key, eval_config, metrics[private]))

        return [computation, metric_types.DerivedMetricComputation(keys=[key], result=result)]

    return cast(Callable[..., list[Any]], metric_util.merge_per_key_computations(create))


class _Prediction(metric_types.Preprocessor):
    """Convert TFMA's extracts of one example to the prediction of one model, by its own list of classes."""

    def __init__(self, key: metric_types.MetricKey, eval_config: config_pb2.EvalConfig | None):
        super().__init__(name=f"{key.model_name}/{key.output_name}/{key.example_weighted}")
        self._key = key
        self._eval_config = eval_config

    def process(self, extracts: Mapping[str, Any]) -> Iterator[Scored]:
        inputs = metric_util.to_standard_metric_inputs(extracts)
        label, probabilities, weight = next(
            metric_util.to_label_prediction_example_weight(
                inputs,
                eval_config=self._eval_config,
                model_name=self._key.model_name,
                output_name=self._key.output_name,
                example_weighted=self._key.example_weighted,
                flatten=False,
                require_single_example_weight=True,
            )
        )
        # TFMA's one-hot encoding of a class that the model doesn't know is all zeros; its argmax would be 0.
        known = label.size == 1 or label.any()
        actual = (int(label.argmax()) if label.size > 1 else int(label.item())) if known else -1
        name = _text(inputs.get_labels(self._key.model_name))
        lists = _class_lists(inputs.get_predictions())
        own = lists.get(self._key.model_name, np.array([]))
        yield Scored(
            actual,
            probabilities,
            float(weight.item()),
            name if actual < 0 else b"",
            all((classes == name).any() for classes in lists.values()),
            len(lists) == 1 or all(np.array_equal(classes, own) for classes in lists.values()),
        )


def _class_lists(predictions: Any) -> dict[str, FloatArray]:
    """Return each model's classes by its name, bytes [K]; with one model, TFMA leaves out the name."""
    if not isinstance(predictions, Mapping):
        return {}
    found = {"": predictions} if ALL_CLASSES in predictions else predictions
    return {
        name: np.asarray(outputs[ALL_CLASSES]).reshape(-1)
        for name, outputs in found.items()
        if isinstance(outputs, Mapping) and ALL_CLASSES in outputs
    }


def _text(label: Any) -> bytes:
    """Return the label of the example; empty if it is not text."""
    values = np.asarray(label.values if hasattr(label, "values") else label).reshape(-1)
    return values[0] if values.size == 1 and isinstance(values[0], bytes) else b""


@dataclasses.dataclass
class _Sum:
    """The sum so far, and the examples that are not in it yet."""

    total: Outcomes | None = None
    pending: list[Scored] = dataclasses.field(default_factory=list)

    def add(self, part: Outcomes | None) -> None:
        """Add another sum."""
        if part is not None:
            self.total = part if self.total is None else self.total + part

    def fold(self, least: int) -> "_Sum":
        """Add the pending examples to the sum if there are at least `least` of them."""
        if len(self.pending) >= least:
            self.add(Outcomes.of(self.pending))
            self.pending = []
        return self


class _AddUp(beam.CombineFn):
    def __init__(self, key: metric_types.MetricKey):
        self._key = key

    def create_accumulator(self) -> _Sum:
        return _Sum()

    def add_input(self, accumulator: _Sum, element: Scored) -> _Sum:
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
