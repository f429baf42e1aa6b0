"""Pretraining throughput with views, in images per second, compared with lightly if it is installed.

lightly and torch don't fit into this environment: name an interpreter of another one that has both,
and the two sides run in turn, each in a fresh process, the best of two rounds. Without it, the step is
compared with the same step without views, which says what views cost. Images are random: no figure here
depends on what they show.

    python -m benchmarks.pretrain_throughput --lightly-python /path/to/python   # bars: 1.6x c4, 1.8x c4n
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_BATCH = 512
_STEPS = {"c4": 6, "c4n": 12}
_ROUNDS = 2
_RIVAL = Path(__file__).with_name("lightly_simclr.py")


def main(arguments: list[str] | None = None) -> None:
    """Print the rows of the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--lightly-python", help="interpreter of an environment with torch and lightly")
    parser.add_argument("--measure", nargs=2, metavar=("ENCODER", "VIEWS"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments or [])
    if options.measure:
        print(images_per_second(options.measure[0], options.measure[1] == "views"))
        return
    for name in _STEPS:
        print(_row(name, options.lightly_python))


def _row(name: str, lightly_python: str | None) -> str:
    ours, others = [], []
    for _ in range(_ROUNDS):
        ours.append(_measure_apart(name, "views"))
        others.append(
            _measure_lightly(lightly_python, name) if lightly_python else _measure_apart(name, "none")
        )
    rival = "lightly" if lightly_python else "the same without views"
    return (
        f"| {name}, batch {_BATCH} | {max(ours):,.0f} images/s, {rival} {max(others):,.0f} | "
        f"{max(ours) / max(others):.2f}x |"
    )


def _measure_apart(name: str, views: str) -> float:
    command = [sys.executable, "-m", "benchmarks.pretrain_throughput", "--measure", name, views]
    return float(_last_lines(command)[-1])


def _measure_lightly(python: str, name: str) -> float:
    """Return the better throughput of zero and two loader workers."""
    with tempfile.NamedTemporaryFile(suffix=".npy") as file:
        np.save(file.name, _images()[..., 0])
        lines = _last_lines([python, str(_RIVAL), file.name, name, str(_BATCH), str(_STEPS[name])])
    return max(float(line) for line in lines[-2:])


def _last_lines(command: list[str]) -> list[str]:
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip().splitlines()


def _images() -> npt.NDArray[Any]:
    return np.random.default_rng(0).integers(0, 256, (20 * _BATCH, 28, 28, 1), dtype=np.uint8)


def images_per_second(name: str, views: bool) -> float:
    """Return the throughput of the training graph, after a call that traces it.

    Args:
        name: Name of the encoder.
        views: True to draw views by the default policy; False to use the images themselves.

    Returns:
        Images per second; each image is trained on as two views.
    """
    import time

    from tfx_contrastive.trainer_module.config import EncoderConfig, PretrainConfig, ViewsConfig
    from tfx_contrastive.trainer_module.encoders.build import build_encoder
    from tfx_contrastive.trainer_module.pretrain.learner import Learner

    config = PretrainConfig(
        encoder=EncoderConfig(name=name), views=ViewsConfig() if views else ViewsConfig(policy=())
    )
    encoder = build_encoder(config.encoder, (28, 28, 1), [0.286], [0.353])
    learner = Learner(encoder, config, (28, 28, 1))
    num_steps = _STEPS[name]
    batches = np.stack([_images()[:_BATCH]] * num_steps)
    labels = np.full(batches.shape[:2], -1)
    learner.train(batches[:1], labels[:1])
    started = time.perf_counter()
    learner.train(batches, labels).loss.numpy()
    return num_steps * _BATCH / (time.perf_counter() - started)


if __name__ == "__main__":
    main(sys.argv[1:])
