"""The estimated duration of a run."""

from typing import Any

import pytest

from tfx_contrastive.pipeline import duration
from tfx_contrastive.pipeline.config import load_config


@pytest.fixture(autouse=True)
def _idle_machine_of_two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duration, "_free_share", lambda: 1.0)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr("os.path.exists", lambda _: False)


def seconds(name: Any, num_images: Any, num_labels: Any, *overrides: Any) -> Any:
    config = load_config(name, overrides)
    return duration.estimate(config, num_images, num_labels, 5e-5).seconds


def test_runs_that_were_measured() -> None:
    assert 240 <= seconds("fashion_mnist", 70_000, 600) <= 600  # under ten minutes (README)
    assert 45 <= seconds("digits", 1_797, 200) <= 180


def test_what_costs_more_takes_longer() -> None:
    base = seconds("fashion_mnist", 70_000, 600)
    assert seconds("fashion_mnist", 70_000, 600, "pretrain.num_steps=2400") > base + 150
    assert seconds("fashion_mnist", 70_000, 600, "image.height=56", "image.width=56") > 2 * base
    assert seconds("fashion_mnist", 70_000, 600, "head.mode=linear_probe") < base - 60


@pytest.mark.parametrize(
    "override", ["pretrain.encoder={name: 'keras:MobileNetV2'}", "pretrain.distribution={strategy: mirrored}"]
)
def test_what_was_not_measured_is_not_estimated(override: Any) -> None:
    found = duration.estimate(load_config("digits", [override]), 1000, 100, 5e-5)
    assert found.seconds is None
    assert found.basis.startswith("not known")


def test_text() -> None:
    assert [duration.as_text(value) for value in (3, 42, 360, 9000)] == [
        "about 10 s",
        "about 40 s",
        "about 6 min",
        "about 2.5 h",
    ]


def test_every_network_of_our_own_is_estimated() -> None:
    from tfx_contrastive.trainer_module.config import OWN

    assert set(duration._COST) == set(OWN)
