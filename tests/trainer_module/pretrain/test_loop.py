import contextlib
import logging
import pathlib
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer_module.digits_data import digit_pixels
from tfx_contrastive.contract import stopping
from tfx_contrastive.contract.errors import PretrainingCollapsedError, StoppedError
from tfx_contrastive.trainer_module.config import (
    AdamW,
    EncoderConfig,
    ObjectiveConfig,
    PretrainConfig,
    ViewsConfig,
    WatchConfig,
)
from tfx_contrastive.trainer_module.dataset import ImageDataset
from tfx_contrastive.trainer_module.pretrain.learner import Learner
from tfx_contrastive.trainer_module.pretrain.loop import pretrain
from tfx_contrastive.trainer_module.pretrain.reporting import ScalarLog
from tfx_contrastive.trainer_module.pretrain.stage import run_digest


def digits(labeled: int = 200) -> ImageDataset:
    pixels, labels = digit_pixels(400)
    return ImageDataset(
        images=pixels[..., np.newaxis],
        label_index=np.where(np.arange(400) < labeled, labels, -1),
        image_id=np.array([str(row).encode() for row in range(400)], dtype=object),
        mean=np.array([0.3], np.float32),
        std=np.array([0.37], np.float32),
    )


def config(**settings: Any) -> PretrainConfig:
    defaults = {
        "encoder": EncoderConfig(name="c4n"),
        "projection_dims": (32, 16),
        "batch_size": 32,
        "num_steps": 20,
        "steps_per_call": 5,
        "log_every": 5,
        "checkpoint_every": 10,
        "watch": WatchConfig(probe_every=10, after_steps=10),
    }
    return PretrainConfig(**{**defaults, **settings})


def progress(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [record.progress for record in caplog.records if hasattr(record, "progress")]


def scalars(log_dir: Any, tag: Any) -> list[tuple[int, float]]:
    """Steps and values of a tag, in the order in which TensorBoard reads the files."""
    return [
        (event.step, float(tf.make_ndarray(value.tensor)))
        for path in sorted(log_dir.iterdir())
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
        if value.tag == tag
    ]


class InterruptedImages(np.ndarray[Any, Any]):
    """Images that can be read a number of times, then the process "dies"."""

    reads_left = 0

    def __getitem__(self, rows: Any) -> Any:
        if isinstance(rows, np.ndarray) and rows.ndim == 2:  # the batches of a call
            if InterruptedImages.reads_left == 0:
                raise KeyboardInterrupt
            InterruptedImages.reads_left -= 1
        return np.asarray(super().__getitem__(rows))


@pytest.fixture
def interrupted() -> Any:
    dataset = digits()
    return ImageDataset(
        dataset.images.view(InterruptedImages),
        dataset.label_index,
        dataset.image_id,
        dataset.mean,
        dataset.std,
    )


def test_resumed_run_equals_the_unbroken_one(
    tmp_path: pathlib.Path, interrupted: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    unbroken = pretrain(digits(), config(), str(tmp_path / "unbroken"), str(tmp_path / "logs0"))
    expected = [one["loss"] for one in progress(caplog) if "loss" in one]
    caplog.clear()
    InterruptedImages.reads_left = 3  # a call is 5 steps: dies between the checkpoint at 10 and the end
    with pytest.raises(KeyboardInterrupt):
        pretrain(interrupted, config(), str(tmp_path / "resumed"), str(tmp_path / "logs1"))
    caplog.clear()
    InterruptedImages.reads_left = 2  # steps 10 to 20 and no more
    resumed = pretrain(interrupted, config(), str(tmp_path / "resumed"), str(tmp_path / "logs2"))
    steps = [one["step"] for one in progress(caplog) if "loss" in one]
    losses = [one["loss"] for one in progress(caplog) if "loss" in one]
    assert steps == [15, 20]
    np.testing.assert_allclose(losses, expected[2:], atol=1e-5)
    curve = scalars(tmp_path / "logs2", "pretrain/loss")
    assert [step for step, _ in curve] == [5, 10, 15, 20]
    np.testing.assert_allclose([loss for _, loss in curve], expected, atol=1e-5)
    for one, other in zip(unbroken.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.fixture
def stop_after(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that has training asked to stop during its n-th call of the graph; None: never."""

    def stop_after(calls: Any) -> Iterator[Any]:
        monkeypatch.setattr(stopping, "_requested", threading.Event())
        train = Learner.train
        done: list[None] = []

        def asked(learner: Any, images: Any, labels: Any) -> Any:
            done.append(None)
            if len(done) == calls:
                assert stopping.request() is (calls > 1)  # the first call has nothing to keep yet
            return train(learner, images, labels)

        with monkeypatch.context() as patch:
            patch.setattr(Learner, "train", asked)
            yield

    return contextlib.contextmanager(stop_after)


def test_a_stop_between_checkpoints_loses_no_step(
    tmp_path: pathlib.Path, stop_after: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    settings = config(steps_per_call=3, checkpoint_every=1000, log_every=5)
    unbroken = pretrain(digits(), settings, str(tmp_path / "unbroken"), str(tmp_path / "logs0"))
    for attempt, (calls, reached) in enumerate(((3, 8), (1, 10), (None, 20)), start=1):
        caplog.clear()
        with stop_after(calls), contextlib.suppress(StoppedError):
            encoder = pretrain(digits(), settings, str(tmp_path / "kept"), str(tmp_path / f"logs{attempt}"))
            assert calls is None
        assert [one["kept_step"] for one in progress(caplog) if "kept_step" in one][-1] == reached
    curves = [scalars(tmp_path / name, "pretrain/loss") for name in ("logs0", "logs3")]
    assert [step for step, _ in curves[1]] == [5, 10, 15, 20]
    np.testing.assert_allclose(curves[1], curves[0], atol=1e-5)  # also the mean of the steps 5 to 10
    for one, other in zip(unbroken.get_weights(), encoder.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_checkpoints_come_by_time_as_well(tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    settings = config(checkpoint_every=1000, checkpoint_minutes=1e-9)
    pretrain(digits(), settings, str(tmp_path / "kept"), str(tmp_path / "logs"))
    assert [one["kept_step"] for one in progress(caplog) if "kept_step" in one] == [5, 10, 15, 20]


def test_steps_after_the_last_checkpoint_stand_once_in_the_scalars(tmp_path: pathlib.Path) -> None:
    log = ScalarLog(str(tmp_path / "first"), str(tmp_path / "kept"), step=0)
    for step in (1, 2, 3):
        with log.writer.as_default():
            tf.summary.scalar("loss", float(step), step)
        log.keep(step)  # the process is killed before the checkpoint of step 3 is made
    again = ScalarLog(str(tmp_path / "second"), str(tmp_path / "kept"), step=2)
    with again.writer.as_default():
        tf.summary.scalar("loss", 3.5, 3)
    again.close()
    assert scalars(tmp_path / "second", "loss") == [(1, 1.0), (2, 2.0), (3, 3.5)]
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["00000001", "00000002"]


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


def test_checkpoints_belong_to_one_configuration_and_data_set() -> None:
    names = {
        run_digest(config(), digits()),
        run_digest(config(seed=1), digits()),
        run_digest(config(), digits(labeled=10)),
    }
    assert len(names) == 3
    assert run_digest(config(), digits()) in names
    assert run_digest(config(checkpoint_every=3, checkpoint_minutes=1, keep_checkpoints=1), digits()) in names
