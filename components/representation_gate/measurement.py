"""Measurement of an encoder: metrics, comparison with twins and pixels, verdict."""

import dataclasses
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfx_contrastive.components.embeddings import whitening
from tfx_contrastive.components.embeddings.whitening import Whitening
from tfx_contrastive.components.examples.model_input import SeenAs
from tfx_contrastive.components.gates.samples import Sample, read_samples
from tfx_contrastive.components.gates.verdict import REPRESENTATION_FILE
from tfx_contrastive.components.representation_gate.checks import (
    Check,
    Comparison,
    check_thresholds,
    compare,
    refusals,
)
from tfx_contrastive.components.representation_gate.config import GateConfig
from tfx_contrastive.components.representation_gate.encoders import (
    SavedEncoder,
    compared,
    crop_views,
    examples_of,
    pixel_features,
)
from tfx_contrastive.contract import files
from tfx_contrastive.contract.errors import DataError
from tfx_contrastive.contract.examples import EVAL, TEST, TRAIN
from tfx_contrastive.contract.metrics import label_free
from tfx_contrastive.contract.metrics.probes import LinearProbe, knn_accuracy, knn_probe

_COMPARED = "compared_"  # begins the names of metrics that only the comparison with twins needs
_AS_THEY_ARE, _WHITENED = "embedding", "embedding, whitened"
_progress = logging.getLogger("tfx_contrastive.progress")


@dataclasses.dataclass(frozen=True)
class Measurement:
    """Metrics of an encoder and the verdict on it.

    Attributes:
        blessed: True if no check failed.
        reasons: One sentence per failed check.
        figures: Metrics of the encoder, by name. Those named `test_*` are reported and not checked.
        twins: The same metrics of each twin with shuffled weights (`encoders.py`).
        counts: Numbers of images and classes behind the metrics.
        checks: The outcome of every threshold.
        comparisons: Comparisons with pixels. The first one needs no labels; it is reported and not checked.
    """

    blessed: bool
    reasons: list[str]
    figures: dict[str, float]
    twins: list[dict[str, float]]
    counts: dict[str, int]
    checks: list[Check]
    comparisons: list[Comparison] = dataclasses.field(default_factory=list)


def evaluate(split_dirs: Mapping[str, Sequence[str]], model_dir: str, config: GateConfig) -> Measurement:
    """Measure an encoder.

    Args:
        split_dirs: Directories of example files by split: `train`, and `eval` and `test` if they exist.
        model_dir: Directory of the encoder's SavedModel.
        config: Thresholds and sample sizes.

    Raises:
        ValueError: If `train` holds fewer than two images or the model isn't an encoder.
    """
    images, train = read_samples(split_dirs[TRAIN], config.num_label_free, config.max_labeled_train)
    if len(images) < 2:
        raise DataError(
            f"Received {len(images)} images in train ({list(split_dirs['train'])}); expected two at least."
        )
    _, eval_sample = read_samples(split_dirs.get(EVAL, ()), 0, config.max_eval)
    _, test = read_samples(split_dirs.get(TEST, ()), 0, config.max_test)
    classes = np.unique(train.labels)
    has_labels = len(classes) >= 2 and len(eval_sample) > 0
    counts = {
        "num_label_free": len(images),
        "num_train": len(train),
        "num_eval": len(eval_sample),
        "num_test": len(test),
        "num_classes": len(classes),
    }

    encoder = SavedEncoder(model_dir, config.batch_size)
    embeddings = encoder.embed(images.examples)
    if not np.isfinite(embeddings).all():
        broken = int((~np.isfinite(embeddings)).any(axis=1).sum())
        reason = f"{broken} of {len(embeddings)} embeddings hold NaN or infinity: pretraining diverged"
        failed = Check("finite", "num_not_finite", broken, 0, "failed", reason)
        return Measurement(False, [reason], {"num_not_finite": broken}, [], counts, [failed])

    measured = {
        "effective_rank": label_free.effective_rank(embeddings),
        "embedding_std": label_free.embedding_std(embeddings),
        "uniformity": label_free.uniformity(embeddings),
    }
    views = _Views(images.head(config.num_views), config.seen_as)
    measured |= views.measure(encoder)
    whitened_by = whitening.fit([embeddings], config.whitening_ridge)
    comparisons = {"view_retrieval_margin_over_pixels": views.compare_with_pixels(encoder, whitened_by)}
    _progress.info("Measured the embeddings of %d images", len(images))

    twin_queries = {_COMPARED: eval_sample.head(config.max_twin_eval)}
    probes = _Probes(train, classes, config) if has_labels else None
    if probes:
        measured |= probes.measure(encoder, {"": eval_sample, **twin_queries, "test_": test})
        comparisons |= probes.compare_with_pixels(encoder, eval_sample, whitened_by)
        best_pixels = comparisons["linear_probe_margin_over_pixels"].pixels.value
        measured["gain_over_pixels"] = _gain(measured["linear_probe_accuracy"], best_pixels)
    twins = [
        views.measure(twin) | (probes.measure(twin, twin_queries) if probes else {})
        for twin in encoder.twins(config.num_twins, config.seed)
    ]
    measured |= _gains(measured, twins) | _pixel_metrics(comparisons)
    measured = {name: value for name, value in measured.items() if not name.startswith(_COMPARED)}

    checks = check_thresholds(measured, config, has_labels, comparisons)
    reasons = refusals(checks)
    _progress.info("Representation %s", "blessed" if not reasons else f"refused: {'; '.join(reasons)}")
    return Measurement(not reasons, reasons, measured, twins, counts, checks, list(comparisons.values()))


def write_measurement(measurement: Measurement, config: GateConfig, output_dir: str) -> None:
    """Write `metrics.json`, which holds the measurement and the configuration."""
    content: dict[str, Any] = dataclasses.asdict(measurement) | {"config": config.model_dump()}
    files.write_text(files.join(output_dir, REPRESENTATION_FILE), json.dumps(content, indent=2))


def _gain(accuracy: float, reference: float) -> float:
    """Return the share of the reference's errors that are avoided; 0 if the reference makes none."""
    return 1.0 - (1.0 - accuracy) / (1.0 - reference) if reference < 1.0 else 0.0


def _gains(own: Mapping[str, float], twins: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the gain over the best twin, by name; empty without twins."""
    measured_by = {
        "knn_gain": f"{_COMPARED}knn_accuracy",
        "linear_probe_gain": f"{_COMPARED}linear_probe_accuracy",
        "view_retrieval_gain": "view_retrieval",
    }
    return {
        name: _gain(own[measure], max(twin[measure] for twin in twins))
        for name, measure in measured_by.items()
        if twins and measure in own
    }


def _pixel_metrics(comparisons: Mapping[str, Comparison]) -> dict[str, float]:
    """Return the results of the best pixels, the margins over them, and results of whitened embeddings."""
    found = {}
    for name, comparison in comparisons.items():
        prefix = name.removesuffix("_margin_over_pixels")
        unit = "" if prefix == "view_retrieval" else "_accuracy"
        found[f"pixel_{prefix}{unit}"] = comparison.pixels.value
        found[name] = comparison.margin.value
        if comparison.embedding.name == _WHITENED:
            found[f"whitened_{prefix}{unit}"] = comparison.embedding.value
    return found


class _Views:
    """Two views of the same images."""

    def __init__(self, sample: Sample, seen_as: SeenAs):
        self._view_a, self._seen_as = sample.examples, seen_as
        cropped = crop_views(sample.images, seen_as)
        self._view_b = examples_of(cropped)
        self._images = (sample.images, cropped)

    def measure(self, encoder: SavedEncoder) -> dict[str, float]:
        view_a, view_b = encoder.embed(self._view_a), encoder.embed(self._view_b)
        return {
            "alignment": label_free.alignment(view_a, view_b),
            "view_retrieval": label_free.view_retrieval(view_a, view_b),
        }

    def compare_with_pixels(self, encoder: SavedEncoder, whitened_by: Whitening | None) -> Comparison:
        """Compare how well the encoder and pixels find the other view of an image, which needs no labels.

        This doesn't rank encoders: on Fashion-MNIST, an encoder with shuffled weights finds more views than
        pixels do, and its kNN accuracy is worse than that of pixels (docs/gates.md). Therefore it is reported
        only and refuses no encoder.
        """
        view_a, view_b = encoder.embed(self._view_a), encoder.embed(self._view_b)
        own = {_AS_THEY_ARE: label_free.reciprocal_ranks(view_a, view_b)}
        if whitened_by is not None:
            own[_WHITENED] = label_free.reciprocal_ranks(whitened_by.apply(view_a), whitened_by.apply(view_b))
        first, second = (pixel_features(images, self._seen_as) for images in self._images)
        return compare(
            "mean reciprocal rank of an image's own view in train",
            own,
            {
                name: label_free.reciprocal_ranks(a, compared(second[form], mean))
                for name, form, a, mean in _pixel_forms(first)
            },
        )


def _pixel_forms(
    features: Mapping[str, NDArray[Any]],
) -> Iterator[tuple[str, str, NDArray[Any], NDArray[Any] | float]]:
    """Yield each form as it is and centered: name, form, features of length 1, and the subtracted mean."""
    for form, each in features.items():
        for name, mean in ((form, 0.0), (f"{form}, centered", each.mean(axis=0))):
            yield name, form, compared(each, mean), mean


class _Probes:
    """kNN probe and linear probe on the labeled images of `train`."""

    def __init__(self, train: Sample, classes: NDArray[Any], config: GateConfig):
        self._train, self._classes, self._config = train, classes, config
        self._labels = self._indices(train)

    def measure(self, encoder: SavedEncoder, queries: Mapping[str, Sample]) -> dict[str, float]:
        """Return the accuracies of both probes on each sample that is not empty, named by its prefix."""
        bank = encoder.embed(self._train.examples)
        probe = LinearProbe(bank, self._labels, self._config.seed)
        measured = {}
        for prefix, sample in queries.items():
            if len(sample):
                embeddings, labels = encoder.embed(sample.examples), self._indices(sample)
                measured[f"{prefix}knn_accuracy"] = knn_accuracy(
                    (bank, self._labels), (embeddings, labels), self._config.k, self._config.temperature
                )
                measured[f"{prefix}linear_probe_accuracy"] = probe.accuracy(embeddings, labels)
        return measured

    def compare_with_pixels(
        self, encoder: SavedEncoder, queries: Sample, whitened_by: Whitening | None
    ) -> dict[str, Comparison]:
        """Compare the accuracies of both probes on embeddings with those on pixels."""
        labels = self._indices(queries)

        def knn(bank: NDArray[Any], vectors: NDArray[Any]) -> NDArray[Any]:
            settings = (self._config.k, self._config.temperature)
            hits: NDArray[Any] = knn_probe((bank, self._labels), vectors, *settings) == labels
            return hits

        def probe(bank: NDArray[Any], vectors: NDArray[Any]) -> NDArray[Any]:
            fitted = LinearProbe(bank, self._labels, self._config.seed)
            hits: NDArray[Any] = fitted.predict(vectors) == labels
            return hits

        bank, vectors = encoder.embed(self._train.examples), encoder.embed(queries.examples)
        own = {_AS_THEY_ARE: knn(bank, vectors)}
        if whitened_by is not None:
            own[_WHITENED] = knn(whitened_by.apply(bank), whitened_by.apply(vectors))
        pixel_bank, pixel_vectors = (
            pixel_features(each.images, self._config.seen_as) for each in (self._train, queries)
        )
        knn_of_pixels = {
            name: knn(ready, compared(pixel_vectors[form], mean))
            for name, form, ready, mean in _pixel_forms(pixel_bank)
        }
        probe_of_pixels = {form: probe(pixel_bank[form], pixel_vectors[form]) for form in pixel_bank}
        return {
            "knn_margin_over_pixels": compare("kNN accuracy on eval", own, knn_of_pixels),
            "linear_probe_margin_over_pixels": compare(
                "accuracy of a linear probe on eval", {_AS_THEY_ARE: probe(bank, vectors)}, probe_of_pixels
            ),
        }

    def _indices(self, sample: Sample) -> NDArray[Any]:
        """Return the class number of each example, int [N]; -1 for a class that `train` lacks."""
        numbers = {name: number for number, name in enumerate(self._classes)}
        return np.array([numbers.get(label, -1) for label in sample.labels], np.int64)
