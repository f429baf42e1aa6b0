"""A pretraining that was stopped or killed goes on as if it had never been."""

import contextlib
import logging
import pathlib
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer_module.pretrain.digit_runs import config, digits, progress, scalars
from tfx_contrastive.contract import stopping
from tfx_contrastive.contract.errors import StoppedError
from tfx_contrastive.trainer_module.dataset import ImageDataset
from tfx_contrastive.trainer_module.pretrain.learner import Learner
from tfx_contrastive.trainer_module.pretrain.loop import pretrain
from tfx_contrastive.trainer_module.pretrain.reporting import ScalarLog
from tfx_contrastive.trainer_module.pretrain.stage import run_digest


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


def test_checkpoints_belong_to_one_configuration_and_data_set() -> None:
    names = {
        run_digest(config(), digits()),
        run_digest(config(seed=1), digits()),
        run_digest(config(), digits(labeled=10)),
    }
    assert len(names) == 3
    assert run_digest(config(), digits()) in names
    assert run_digest(config(checkpoint_every=3, checkpoint_minutes=1, keep_checkpoints=1), digits()) in names
