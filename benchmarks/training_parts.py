"""The cost of each objective, and of each step of the views, as a share of a training step.

Objectives: images per second of whole training steps (c4n, batch 512, default views), each compared with
    NT-Xent,
measured right before and after it. View steps: milliseconds per batch of 512 images of 28x28x3, on top of
copying the batch. Images are random: no figure here depends on what they show.

    python -m benchmarks training_parts
"""

import time
import typing
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfx_contrastive.trainer_module.config import (
    CATALOG,
    AnyStep,
    EncoderConfig,
    ObjectiveConfig,
    PretrainConfig,
    Step,
    ViewsConfig,
)
from tfx_contrastive.trainer_module.encoders.build import build_encoder
from tfx_contrastive.trainer_module.pretrain.learner import Learner
from tfx_contrastive.trainer_module.views.compose import make_view

_BATCH = 512
_STEPS = 8
_ROUNDS = 3
_BASE = "nt_xent"
_BAR = 0.8  # of NT-Xent's throughput, or a reason
_TEMPERATURE = {"temperature": 0.2}
_PARAMS = {
    "nt_xent": _TEMPERATURE,
    "dcl": _TEMPERATURE,
    "supcon": _TEMPERATURE,
    "info_nce": _TEMPERATURE,
    "margin_contrastive": {"margin": 1.0},
    "triplet_margin": {"margin": 1.0},
}
# Reasons of objectives that cost more than a quarter of a step.
_REASONS = {
    "byol": "a second forward pass, through the averaged networks, which then follow",
    "info_nce, manhattan": "L1 distances of all pairs have no matrix product",
    "margin_contrastive, manhattan": "L1 distances of all pairs have no matrix product",
    "triplet_margin, manhattan": "L1 distances of all pairs have no matrix product",
}


def main() -> None:
    """Print both tables."""
    print("| objective | images/s | of NT-Xent | reason |\n|---|---|---|---|")
    for row in objective_rows():
        print(row, flush=True)
    print("\n| view step | ms per batch |\n|---|---|")
    for row in view_rows():
        print(row, flush=True)


def objective_rows() -> list[str]:
    """Return a row per objective with its published distance, and per objective with L1 distances."""
    base = _trainer(_BASE, None)
    rows = []
    for name, spec in CATALOG.items():
        for distance in dict.fromkeys([None, *(each for each in spec.distances if each == "manhattan")]):
            label = f"{name}, {distance}" if distance else name
            train = base if label == _BASE else _trainer(name, distance)
            pairs = [(_throughput(base), _throughput(train)) for _ in range(_ROUNDS)]
            ratio = float(np.median([ours / before for before, ours in pairs]))
            reason = _REASONS.get(label, "–") if ratio < _BAR else ""
            rows.append(f"| {label} | {max(ours for _, ours in pairs):,.0f} | {ratio:.2f}x | {reason} |")
    return rows


def _trainer(name: str, distance: str | None) -> Callable[[], None]:
    """Return a traced function that trains `_STEPS` steps per call."""
    config = PretrainConfig(
        encoder=EncoderConfig(name="c4n"),
        objective=ObjectiveConfig(name=name, distance=distance, params=_PARAMS.get(name, {})),
    )
    encoder = build_encoder(config.encoder, (28, 28, 1), [0.286], [0.353])
    learner = Learner(encoder, config, (28, 28, 1))
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (_STEPS, _BATCH, 28, 28, 1), dtype=np.uint8)
    labels = random.integers(-1, 10, (_STEPS, _BATCH))

    def train() -> None:
        learner.train(images, labels).loss.numpy()

    learner.train(images[:1], labels[:1])
    return train


def _throughput(train: Callable[[], None]) -> float:
    started = time.perf_counter()
    train()
    return _STEPS * _BATCH / (time.perf_counter() - started)


def view_rows() -> list[str]:
    """Return a row per step, and one for the default policy."""
    steps = [step() for step in typing.get_args(typing.get_args(AnyStep)[0])]
    copying = _milliseconds(())
    rows = [f"| {step.name} | {_milliseconds((step,)) - copying:.1f} |" for step in steps]
    names = ", ".join(step.name for step in ViewsConfig().policy)
    return [*rows, f"| default policy ({names}) | {_milliseconds(ViewsConfig().policy) - copying:.1f} |"]


def _milliseconds(policy: tuple[Step, ...]) -> float:
    """Return the best time of one view of a batch, in milliseconds."""
    images = np.random.default_rng(0).integers(0, 256, (_BATCH, 28, 28, 3), dtype=np.uint8)
    draw = tf.function(lambda pixels, seed: make_view(pixels, policy, seed))
    pixels, times = tf.constant(images), []
    for seed in range(2 + 3 * _ROUNDS):
        started = time.perf_counter()
        draw(pixels, tf.constant([seed, 0])).numpy()
        times.append(time.perf_counter() - started)
    return 1000.0 * min(times[2:])


if __name__ == "__main__":
    main()
