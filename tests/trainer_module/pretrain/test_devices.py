import json
import os
import pathlib
import socket
import subprocess
import sys
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.trainer_module.pretrain.replicas import train
from tfx_contrastive.trainer_module.config import DistributionConfig
from tfx_contrastive.trainer_module.pretrain.devices import (
    build_strategy,
    is_chief,
    local_rows,
    synchronize_batch_norm,
)


def start(kind: str, directory: Any, cluster: dict[str, Any] | None = None) -> subprocess.Popen[str]:
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
    if cluster:
        environment["TF_CONFIG"] = json.dumps(cluster)
    return subprocess.Popen(
        [sys.executable, "-m", "tests.trainer_module.pretrain.replicas", kind, str(directory)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err[-3000:]
    figures: dict[str, Any] = json.loads(out.splitlines()[-1])
    return figures


@pytest.fixture(scope="module")
def one_device(tmp_path_factory: pytest.TempPathFactory) -> Any:
    figures = train("none", str(tmp_path_factory.mktemp("one")))
    assert figures["replicas"] == 1
    assert figures["losses"][-1] < figures["losses"][0]
    return figures


def assert_same(figures: dict[str, Any], expected: dict[str, Any]) -> None:
    np.testing.assert_allclose(figures["losses"], expected["losses"], rtol=1e-4)
    for one, other in zip(figures["weights"], expected["weights"], strict=True):
        np.testing.assert_allclose(one, other, atol=2e-4)


@pytest.mark.slow
def test_two_devices_train_as_one(one_device: Any, tmp_path: pathlib.Path) -> None:
    figures = finish(start("mirrored", tmp_path))
    assert figures["replicas"] == 2
    assert_same(figures, one_device)


@pytest.mark.slow
def test_two_workers_train_as_one_and_the_chief_writes(one_device: Any, tmp_path: pathlib.Path) -> None:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        hosts = [f"127.0.0.1:{each.getsockname()[1]}" for each in (one, other)]
    workers = [
        start(
            "multi_worker",
            tmp_path,
            {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}},
        )
        for index in range(2)
    ]
    figures = [finish(worker) for worker in workers]
    assert [one["chief"] for one in figures] == [True, False]
    assert [one["replicas"] for one in figures] == [2, 2]
    assert figures[1]["losses"] == []  # it logs nothing
    assert_same(figures[0], one_device)
    np.testing.assert_allclose(
        np.concatenate(figures[0]["weights"]), np.concatenate(figures[1]["weights"]), atol=2e-4
    )
    assert (tmp_path / "checkpoints" / "checkpoint").exists()
    written = [path.name for path in (tmp_path / "logs").iterdir()]
    assert written
    assert all(f".{workers[0].pid}." in name for name in written)


def test_without_several_devices_all_is_one_process() -> None:
    strategy = build_strategy(DistributionConfig())
    assert is_chief(strategy)
    assert local_rows(strategy, 32) == slice(0, 32)


@pytest.mark.parametrize("cluster", [None, "{}", '{"cluster": {"worker": ["localhost:1"]}}'])
def test_workers_must_be_named(monkeypatch: pytest.MonkeyPatch, cluster: Any) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if cluster:
        monkeypatch.setenv("TF_CONFIG", cluster)
    with pytest.raises(ValueError, match="TF_CONFIG names no workers and task: expected"):
        build_strategy(DistributionConfig(strategy="multi_worker"))


def test_batch_norm_is_synchronised_wherever_it_stands() -> None:
    x = keras.layers.Input((3,))
    inner = keras.Model(x, keras.layers.BatchNormalization(name="inner")(x))
    outer = keras.Model(x, keras.layers.BatchNormalization(name="outer")(inner(x)))
    synchronize_batch_norm(outer)
    assert outer.get_layer("outer").synchronized
    assert inner.get_layer("inner").synchronized
    assert np.isfinite(outer(tf.ones([2, 3]), training=True)).all()
