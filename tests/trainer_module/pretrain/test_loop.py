"""Pretraining learns, is repeatable, and tells when it learns nothing."""

import logging
import pathlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer_module.pretrain.digit_runs import config, digits, progress
from tfx_contrastive.contract.errors import PretrainingCollapsedError
from tfx_contrastive.trainer_module.config import (
    AdamW,
    ObjectiveConfig,
    ViewsConfig,
    WatchConfig,
)
from tfx_contrastive.trainer_module.pretrain.loop import pretrain


def test_same_seed_same_losses_for_fifty_steps(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for name in ("a", "b"):
        pretrain(digits(), config(num_steps=50, log_every=1), str(tmp_path / name), str(tmp_path / "logs"))
    losses = [one["loss"] for one in progress(caplog) if "loss" in one]
    assert len(losses) == 100
    np.testing.assert_allclose(losses[:50], losses[50:], atol=1e-5)


def test_it_learns_and_writes_scalars(tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log_dir = tmp_path / "logs"
    settings = config(num_steps=60, watch=WatchConfig(probe_every=20, after_steps=50))
    pretrain(digits(), settings, str(tmp_path / "checkpoints"), str(log_dir))
    losses = [one["loss"] for one in progress(caplog) if "loss" in one]
    assert losses[-1] < losses[0] - 0.3
    probes = [one["knn_probe"] for one in progress(caplog) if "knn_probe" in one]
    assert probes[-1] > 0.5
    events = [
        value.tag
        for path in log_dir.iterdir()
        for record in tf.compat.v1.train.summary_iterator(str(path))
        for value in record.summary.value
    ]
    assert set(events) == {
        f"pretrain/{name}"
        for name in (
            "loss",
            "contrastive_accuracy",
            "embedding_std",
            "effective_rank",
            "images_per_second",
            "knn_probe",
        )
    }


def test_labels_do_not_touch_the_weights(tmp_path: pathlib.Path) -> None:
    settings = config(num_steps=5, watch=WatchConfig(keep="last"))
    with_labels, without = (
        pretrain(digits(labeled), settings, str(tmp_path / str(labeled)), str(tmp_path / "logs"))
        for labeled in (400, 0)
    )
    for one, other in zip(with_labels.get_weights(), without.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_collapse_stops_the_run_if_configured(tmp_path: pathlib.Path) -> None:
    watch = WatchConfig(on_collapse="error", after_steps=5, min_effective_rank=100)
    with pytest.raises(PretrainingCollapsedError, match="step 5: .*effective rank"):
        pretrain(digits(), config(watch=watch), str(tmp_path / "checkpoints"), str(tmp_path / "logs"))


def test_collapse_warns_otherwise(tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture) -> None:
    watch = WatchConfig(after_steps=5, min_effective_rank=100)
    pretrain(digits(), config(num_steps=5, watch=watch), str(tmp_path / "c"), str(tmp_path / "logs"))
    assert any(
        "effective rank" in record.message for record in caplog.records if record.levelname == "WARNING"
    )


def test_diverging_loss_always_stops_the_run(tmp_path: pathlib.Path) -> None:
    optimizer = AdamW(learning_rate=1e30, warmup_fraction=0)
    with pytest.raises(PretrainingCollapsedError, match="the loss is nan"):
        pretrain(digits(), config(optimizer=optimizer), str(tmp_path / "c"), str(tmp_path / "logs"))


@pytest.mark.parametrize("name", ["simsiam", "byol", "supcon", "vicreg"])
def test_objectives_of_every_kind_with_small_views(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    caplog.set_level(logging.INFO)
    settings = config(
        num_steps=10,
        objective=ObjectiveConfig(name=name, params={"temperature": 0.2} if name == "supcon" else {}),
        views=ViewsConfig.model_validate({"policy": [{"name": "crop"}], "small": {"count": 1}}),
    )
    pretrain(digits(), settings, str(tmp_path / "checkpoints"), str(tmp_path / "logs"))
    losses = [one["loss"] for one in progress(caplog) if "loss" in one]
    assert losses[-1] < losses[0]


def test_mixed_precision_trains_and_keeps_float32_outputs(tmp_path: pathlib.Path) -> None:
    encoder = pretrain(
        digits(), config(num_steps=5, mixed_precision="on"), str(tmp_path / "c"), str(tmp_path / "logs")
    )
    assert encoder.get_layer("layer0_conv").compute_dtype == "bfloat16"
    assert encoder.output.dtype == "float32"
    assert all(weight.dtype == np.float32 for weight in encoder.get_weights())


def test_a_batch_in_parts_learns(tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    settings = {"num_steps": 10, "micro_batches": 2, "objective": ObjectiveConfig(name="byol")}
    pretrain(digits(), config(**settings), str(tmp_path / "c"), str(tmp_path / "logs"))
    losses = [one["loss"] for one in progress(caplog) if "loss" in one]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"micro_batches": 3}, r"batch_size \(32\) is no multiple of micro_batches \(3\)"),
        ({"micro_batches": 2, "distribution": {"strategy": "mirrored"}}, "exclude each other"),
    ],
)
def test_parts_must_be_equal_and_not_wait_for_other_devices(settings: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config(**settings)


def test_the_running_average_is_what_is_kept(tmp_path: pathlib.Path) -> None:
    watch = WatchConfig(keep="last", probe_every=10, after_steps=10)
    last, average = (
        pretrain(
            digits(),
            config(num_steps=10, average_decay=decay, watch=watch),
            str(tmp_path / str(decay)),
            str(tmp_path / "logs"),
        )
        for decay in (0.0, 0.9)
    )
    assert "encoder" in last.name
    for one, other in zip(last.trainable_variables, average.trainable_variables, strict=True):
        assert 0 < np.abs(one.numpy() - other.numpy()).max() < 0.1
