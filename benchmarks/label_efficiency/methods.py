"""The methods that are compared. Each makes its choices on `eval` and is measured once on `test`."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from benchmarks.label_efficiency.data import Splits
from benchmarks.label_efficiency.settings import Settings
from tfx_contrastive.trainer_module.dataset import ImageDataset
from tfx_contrastive.trainer_module.encoders.build import build_encoder
from tfx_contrastive.trainer_module.head.candidates import (
    Candidate,
    best_candidate,
    served_form,
    train_candidates,
)
from tfx_contrastive.trainer_module.head.fine_tuning import fine_tune
from tfx_contrastive.trainer_module.head.linear_head import (
    LinearClassifier,
    accuracy,
    class_weights,
    fit_linear_head,
)
from tfx_contrastive.trainer_module.training.networks import BatchEncoder

RAW_PIXELS, FROM_SCRATCH = "raw pixels", "from scratch"
LINEAR_PROBE, FINE_TUNED, SELF_TRAINING = "linear probe", "fine-tuned", "self-training"


@dataclasses.dataclass(frozen=True)
class Measured:
    """Accuracy on both splits, from 0 to 1, and other details."""

    test_accuracy: float
    eval_accuracy: float
    details: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Task:
    """A cell of the table: images, some of them labeled, and the encoder pretrained on all of them.

    The encoder is None if no method needs it.
    """

    train: ImageDataset
    splits: Splits
    encoder: keras.Model | None
    settings: Settings
    seed: int


def raw_pixels(task: Task) -> Iterator[tuple[str, Measured]]:
    """Fit a logistic regression on pixels, without a network."""
    labeled, evaluation, test = task.train.labeled(), task.splits.eval, task.splits.test
    probe = fit_linear_head(
        _flat(labeled),
        labeled.label_index,
        class_weights(labeled.label_index, len(task.splits.class_names)),
        _flat(evaluation),
        evaluation.label_index,
        task.settings.pixel_penalties,
    )
    on_test, on_eval = (_share(probe.classifier.logits(_flat(split)), split) for split in (test, evaluation))
    yield RAW_PIXELS, Measured(on_test, on_eval, {"l2": probe.l2})


def from_scratch(task: Task) -> Iterator[tuple[str, Measured]]:
    """Train the same encoder from random weights, on views of the labeled images only.

    The classifier starts at zero. A linear probe on random weights would be a worse start: batch norm has
    seen no image yet, and the scale of its features changes with the first step.
    """
    keras.utils.set_random_seed(task.seed)
    train, num_classes = task.train, len(task.splits.class_names)
    encoder = build_encoder(task.settings.pretrain.encoder, train.image_shape, train.mean, train.std)
    dim = encoder.output_shape[-1]
    start = LinearClassifier(
        mean=np.zeros(dim, np.float32),
        std=np.ones(dim, np.float32),
        kernel=np.zeros((dim, num_classes), np.float32),
        bias=np.zeros(num_classes, np.float32),
    )
    labeled = train.labeled()
    weights = class_weights(labeled.label_index, num_classes)
    student = fine_tune(encoder, start, labeled, weights, task.settings.scratch, task.seed)
    encode = BatchEncoder(served_form(student.encoder, task.settings.head), train.image_shape)
    classifier = student.classifier()
    on_test, on_eval = (
        _share(classifier.logits(encode(split.images)), split)
        for split in (task.splits.test, task.splits.eval)
    )
    yield FROM_SCRATCH, Measured(on_test, on_eval, {})


def pretrained(task: Task) -> Iterator[tuple[str, Measured]]:
    """Train the stages of the head on the pretrained encoder; keep a stage if it is the best on `eval`."""
    candidates = []
    config = task.settings.head.model_copy(update={"seed": task.seed})
    num_classes = len(task.splits.class_names)
    for candidate in train_candidates(task.encoder, task.train, task.splits.eval, num_classes, config):
        candidates.append(candidate)
        if candidate.mode == "linear_probe":
            yield LINEAR_PROBE, _measured(candidates, task)
        elif candidate.mode == "fine_tune":
            yield FINE_TUNED, _measured(candidates, task)
    if candidates[-1].mode == "self_training":
        yield SELF_TRAINING, _measured(candidates, task)


@dataclasses.dataclass(frozen=True)
class Family:
    """Methods that are trained together, each building on the one before.

    Attributes:
        methods: By their names the fields of Settings that their results depend on, as `Settings.digest`
            takes them.
        run: Trains and measures them, one after the other.
        needs_pretraining: Whether they start from the pretrained encoder.
    """

    methods: Mapping[str, Mapping[str, Any]]
    run: Callable[[Task], Iterator[tuple[str, Measured]]]
    needs_pretraining: bool = False


PRETRAINING: Mapping[str, Any] = {"dataset": True, "pretrain": True}
_PROBE = {"seed", "penalties", "class_weights", "mirror_average"}
FAMILIES: Mapping[str, Family] = {
    "raw-pixels": Family({RAW_PIXELS: {"dataset": True, "pixel_penalties": True}}, raw_pixels),
    "from-scratch": Family(
        {
            FROM_SCRATCH: {
                "dataset": True,
                "pretrain": {"encoder"},
                "head": {"mirror_average"},
                "scratch": True,
            }
        },
        from_scratch,
    ),
    "pretrained": Family(
        {
            LINEAR_PROBE: {**PRETRAINING, "head": _PROBE},
            FINE_TUNED: {**PRETRAINING, "head": {*_PROBE, "fine_tune"}},
            SELF_TRAINING: {**PRETRAINING, "head": True},
        },
        pretrained,
        needs_pretraining=True,
    ),
}
METHODS = tuple(method for family in FAMILIES.values() for method in family.methods)


def digests(settings: Settings, labels_per_class: int | None) -> Mapping[str, str]:
    """Return, by method, the digest of the settings on which its results with one budget depend."""
    budget = settings.for_budget(labels_per_class)
    return {
        method: budget.digest(parts)
        for family in FAMILIES.values()
        for method, parts in family.methods.items()
    }


def applies(method: str, labels_per_class: int | None) -> bool:
    """Return whether a cell has a result: with all labels, self-training has no image left."""
    return method != SELF_TRAINING or labels_per_class is not None


def _measured(candidates: Sequence[Candidate], task: Task) -> Measured:
    """Measure the stage that a user would get: the best on `eval` of those trained so far."""
    evaluation, test = task.splits.eval, task.splits.test
    best = best_candidate(candidates, evaluation.label_index)
    encode = BatchEncoder(best.served, task.train.image_shape)
    stages = {each.stage: _share(each.logits, evaluation) for each in candidates}
    return Measured(
        _share(best.classifier.logits(encode(test.images)), test),
        _share(best.logits, evaluation),
        {"kept": best.stage, "eval": stages},
    )


def _flat(images: ImageDataset) -> npt.NDArray[Any]:
    return images.images.reshape(len(images), -1).astype(np.float32) / 255.0


def _share(logits: npt.NDArray[Any], images: ImageDataset) -> float:
    return accuracy(logits, images.label_index)
