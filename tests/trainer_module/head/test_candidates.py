import dataclasses
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer_module.head.conftest import NAMES, NUM_LABELED
from tfx_contrastive.trainer_module.config import (
    AdamW,
    EncoderConfig,
    FineTuneConfig,
    HeadConfig,
    Rotate,
    SelfTrainingConfig,
    Translate,
)
from tfx_contrastive.trainer_module.dataset import ImageDataset
from tfx_contrastive.trainer_module.encoders.build import build_encoder
from tfx_contrastive.trainer_module.head.linear_head import log_loss
from tfx_contrastive.trainer_module.head.stage import train_head

Splits = tuple[ImageDataset, ImageDataset]
SHORT = FineTuneConfig(
    policy=(Translate(), Rotate(max_degrees=10)),
    optimizer=AdamW(learning_rate=1e-2),
    num_steps=100,
    min_epochs=0,
    batch_size=32,
    average_decay=0.9,
)
FINE_TUNE = HeadConfig(mode="fine_tune", fine_tune=SHORT)


def logits_of(trained: Any, images: Any) -> Any:
    return trained.head(trained.encoder(images, training=False), training=False).numpy()


def test_linear_probe_leaves_the_encoder_as_it_is_and_calibrates(encoder: Any, digits: Splits) -> None:
    before = encoder.get_weights()
    trained = train_head(encoder, *digits, NAMES, HeadConfig(mode="linear_probe"))
    for old, new in zip(before, trained.encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    metrics = trained.metrics
    logits = logits_of(trained, digits[1].images)
    assert metrics.mode == "linear_probe"
    assert metrics.eval_accuracy == metrics.tried["linear_head"] > 0.6  # chance is 0.1
    assert metrics.eval_accuracy == pytest.approx(np.mean(logits.argmax(1) == digits[1].label_index))
    assert metrics.eval_log_loss == pytest.approx(log_loss(logits, digits[1].label_index), abs=1e-4)
    assert metrics.eval_log_loss is not None
    assert log_loss(logits * metrics.temperature, digits[1].label_index) >= metrics.eval_log_loss - 1e-3
    assert sum(metrics.labels_per_class.values()) == NUM_LABELED
    assert metrics.num_eval_images == len(digits[1])


def test_fine_tuning_beats_the_probe_of_an_untrained_encoder(encoder: Any, digits: Splits) -> None:
    before = encoder.get_weights()
    trained = train_head(encoder, *digits, NAMES, FINE_TUNE)
    for old, new in zip(before, encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert trained.metrics.mode == "fine_tune"
    accuracy = trained.metrics.eval_accuracy
    assert accuracy is not None
    assert accuracy > trained.metrics.tried["linear_head"] + 0.05


def test_self_training_beats_fine_tuning_on_the_same_labels(encoder: Any, digits: Splits) -> None:
    changes = SHORT.model_dump() | {"unlabeled_batch_size": 96, "num_steps": 200, "label_smoothing": 0.0}
    config = HeadConfig(
        mode="self_training", fine_tune=SHORT, self_training=SelfTrainingConfig.model_validate(changes)
    )
    metrics = train_head(encoder, *digits, NAMES, config).metrics
    assert metrics.mode == "self_training"
    assert metrics.tried["self_training"] > metrics.tried["fine_tune"] > metrics.tried["linear_head"]


def test_a_mirror_average_is_what_is_served_and_measured(encoder: Any, digits: Splits) -> None:
    changes = SHORT.model_dump() | {"num_steps": 5, "rounds": 1}
    config = HeadConfig(
        fine_tune=SHORT.model_copy(update={"num_steps": 5}),
        self_training=SelfTrainingConfig.model_validate(changes),
        mirror_average=True,
    )
    trained = train_head(encoder, *digits, NAMES, config)
    images = digits[1].images
    logits = logits_of(trained, images)
    np.testing.assert_allclose(logits_of(trained, images[:, :, ::-1]), logits, rtol=1e-4, atol=1e-4)
    assert set(trained.metrics.tried) == {"linear_head", "fine_tune", "self_training"}
    assert trained.metrics.eval_accuracy == pytest.approx(np.mean(logits.argmax(1) == digits[1].label_index))


def test_self_training_without_unlabeled_images_is_fine_tuning(encoder: Any, digits: Splits) -> None:
    few = HeadConfig(mode="self_training", fine_tune=SHORT)
    trained = train_head(encoder, digits[0].labeled(), digits[1], NAMES, few)
    assert trained.metrics.mode == "fine_tune"


def test_the_same_seed_gives_the_same_classifier(encoder: Any, digits: Splits) -> None:
    few = HeadConfig(mode="fine_tune", fine_tune=SHORT.model_copy(update={"num_steps": 5}))
    images = digits[1].images[:20]
    first, second = (logits_of(train_head(encoder, *digits, NAMES, few), images) for _ in range(2))
    np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-4)


def test_the_probe_is_kept_where_fine_tuning_is_worse(encoder: Any, digits: Splits) -> None:
    ruinous = FineTuneConfig(num_steps=3, min_epochs=0, optimizer=AdamW(learning_rate=5.0))
    trained = train_head(encoder, *digits, NAMES, HeadConfig(mode="fine_tune", fine_tune=ruinous))
    assert trained.metrics.mode == "linear_probe"


def test_eval_without_labels_measures_nothing_and_trains_all_the_same(encoder: Any, digits: Splits) -> None:
    train, evaluation = digits
    blank = dataclasses.replace(evaluation, label_index=np.full(len(evaluation), -1))
    trained = train_head(encoder, train, blank, NAMES, HeadConfig(mode="linear_probe"))
    assert trained.metrics.eval_accuracy is None
    assert trained.metrics.temperature == 1.0
    assert np.mean(logits_of(trained, evaluation.images).argmax(1) == evaluation.label_index) > 0.6


def test_a_class_absent_from_eval_works_with_a_warning(
    encoder: Any, digits: Splits, caplog: pytest.LogCaptureFixture
) -> None:
    train, evaluation = digits
    kept = np.flatnonzero(evaluation.label_index != 2)
    without = dataclasses.replace(
        evaluation,
        images=evaluation.images[kept],
        label_index=evaluation.label_index[kept],
        image_id=evaluation.image_id[kept],
    )
    trained = train_head(encoder, train, without, NAMES, HeadConfig(mode="linear_probe"))
    assert "eval has no labeled image of 1 of 10 classes (two)" in caplog.text
    assert trained.head.output_shape == (None, 10)


@pytest.mark.parametrize("kept", [0, 1, 3])
def test_too_few_labels_are_refused(encoder: Any, digits: Splits, kept: Any) -> None:
    train, evaluation = digits
    labels = np.where(train.label_index < kept, train.label_index, -1)
    names = NAMES[:1] if kept == 1 else NAMES
    with pytest.raises(ValueError, match="label"):
        train_head(encoder, dataclasses.replace(train, label_index=labels), evaluation, names, FINE_TUNE)


def test_unequal_classes_are_weighted(encoder: Any, digits: Splits) -> None:
    train, evaluation = digits
    labels = train.label_index.copy()
    rare = np.flatnonzero(labels == 3)
    labels[rare[1:]] = -1  # one image of the last class is left
    few = dataclasses.replace(train, label_index=labels)
    last = evaluation.label_index == 3

    def recall(class_weights: str) -> float:
        config = HeadConfig(mode="linear_probe", class_weights=class_weights, penalties=(1.0,))
        logits = logits_of(train_head(encoder, few, evaluation, NAMES, config), evaluation.images)
        return float(np.mean(logits.argmax(1)[last] == 3))

    assert recall("balanced") > recall("none")


def test_progress_is_reported(encoder: Any, digits: Splits, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="tfx_contrastive.progress")
    short = SHORT.model_copy(update={"num_steps": 5, "log_every": 2})
    train_head(encoder, *digits, NAMES, HeadConfig(mode="fine_tune", fine_tune=short))
    reports = [record.progress for record in caplog.records if hasattr(record, "progress")]
    assert [report["step"] for report in reports] == [2, 4, 5]
    assert all(report["stage"] == "head" and report["num_steps"] == 5 for report in reports)
    assert all(np.isfinite(report["loss"]) and report["images_per_second"] > 0 for report in reports)


def test_images_of_any_number_of_channels_fine_tune(digits: Splits) -> None:
    rgb = [
        dataclasses.replace(
            part, images=np.repeat(part.images, 3, axis=-1), mean=np.full(3, 0.3), std=np.full(3, 0.4)
        )
        for part in digits
    ]
    encoder = build_encoder(EncoderConfig(name="c4n"), (8, 8, 3), [0.3] * 3, [0.4] * 3)
    config = HeadConfig(mode="fine_tune", fine_tune=SHORT.model_copy(update={"num_steps": 2}))
    trained = train_head(encoder, rgb[0], rgb[1], NAMES, config)
    assert tf.convert_to_tensor(logits_of(trained, rgb[1].images)).shape[1] == 10
