"""Retrieval of the same thing by another designer among the ten nearest: the embedding and pixels.

Needs npm and libcairo2 (`apt-get install npm libcairo2`); packages and drawings go to the cache folder.
Pretraining sees every drawing and no name; names are used for measuring only. Settings were chosen on half of
the names, by their hash; the other half is `test`. Every drawing is in the set that is searched.

    python -m benchmarks.emoji [--cache DIR] [--set KEY=VALUE ...]   # bar: 0.60, and 0.15 above pixels
"""

import argparse
import logging
import os
import pathlib
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.emoji import data
from benchmarks.prepared import pretrained
from tfx_contrastive.components.embeddings import whitening
from tfx_contrastive.pipeline.config import PipelineConfig, load_config
from tfx_contrastive.trainer_module.training.networks import BatchEncoder

_CONFIG = pathlib.Path(__file__).with_name("emoji.yaml")
_CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "tfx-contrastive-emoji"
_NEIGHBORS = 10
_QUERIES_AT_ONCE = 512
_DRAWS = 2000


def main() -> None:
    """Print the rows of the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cache", type=pathlib.Path, default=_CACHE)
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("tfx_contrastive.progress").setLevel(logging.INFO)
    emoji = data.read(options.cache.absolute())
    source = f"data.source.path={options.cache.absolute()}/set/images"
    config = load_config(str(_CONFIG), [source, *options.overrides])
    print(f"{len(emoji.names):,} drawings of {len(np.unique(emoji.names)):,} things", flush=True)
    print("| vectors | names of the choice | the other names (test) | all |\n|---|---|---|---|", flush=True)
    ridge = config.embedding.whitening_ridge
    pixels: dict[str, npt.NDArray[Any]] = {}
    for what, vectors in pixel_baselines(emoji.images):
        pixels |= tell(what, vectors, emoji, ridge)
    began, worked = time.monotonic(), time.process_time()
    h = embed(emoji.images, config)
    minutes, core_minutes = (time.monotonic() - began) / 60, (time.process_time() - worked) / 60
    print(f"trained and embedded in {minutes:.1f} min, {core_minutes:.1f} core minutes", flush=True)
    tell_margin(tell("embedding", h, emoji, ridge), pixels, emoji)


def embed(images: npt.NDArray[Any], config: PipelineConfig) -> npt.NDArray[Any]:
    """Pretrain on all images as the Pretrainer does, and embed them.

    Args:
        images: uint8 [N, H, W, C].
        config: Configuration of the pipeline; only `pretrain` is read.

    Returns:
        h, float32 [N, D].
    """
    return BatchEncoder(pretrained(images, config.pretrain), images.shape[1:])(images)


def tell(
    what: str, vectors: npt.NDArray[Any], emoji: data.EmojiSet, ridge: float
) -> dict[str, npt.NDArray[Any]]:
    """Print three rows: vectors as they are, centered, whitened.

    Args:
        what: Name of the vectors.
        vectors: float [N, D].
        emoji: The drawings.
        ridge: Ridge of the whitening.

    Returns:
        Name of each row and its hits, bool [N].
    """
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    hits = {}
    for how, compared in (
        ("as they are", vectors),
        ("centered", vectors - vectors.mean(axis=0)),
        ("whitened", whitened(unit, ridge)),
    ):
        hits[f"{what}, {how}"] = found(compared, emoji.names)
        print_row(f"{what}, {how}", hits[f"{what}, {how}"], emoji)
    return hits


def tell_margin(
    embedding: dict[str, npt.NDArray[Any]], pixels: dict[str, npt.NDArray[Any]], emoji: data.EmojiSet
) -> None:
    """Print the best form of the embedding minus the best of the pixels, both chosen on half of the names."""
    chosen = emoji.chosen_on()
    best, best_pixels = (
        max(hits, key=lambda name: hits[name][chosen].mean()) for hits in (embedding, pixels)
    )
    margin = embedding[best].astype(float) - pixels[best_pixels]
    print_row(f"{best} minus {best_pixels}", margin, emoji)


def print_row(what: str, hits: npt.NDArray[Any], emoji: data.EmojiSet) -> None:
    """Print means with 95 % intervals: on the names of the choice, the other names, all names."""
    chosen, cells = emoji.chosen_on(), []
    for rows in (chosen, ~chosen, np.ones_like(chosen)):
        low, high = interval(hits[rows], emoji.names[rows])
        cells.append(f"{hits[rows].mean():.3f} ({low:.3f} to {high:.3f})")
    print(f"| {what} | {' | '.join(cells)} |", flush=True)


def found(vectors: npt.NDArray[Any], names: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return whether one of the ten nearest other images, by cosine, has the same name.

    Args:
        vectors: One row per image, float [N, D].
        names: Name of each drawing, [N].

    Returns:
        bool [N].
    """
    norms = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    unit = (vectors / norms).astype(np.float32)
    hits = []
    for start in range(0, len(unit), _QUERIES_AT_ONCE):
        rows = np.arange(start, min(start + _QUERIES_AT_ONCE, len(unit)))
        similarity = unit[rows] @ unit.T  # [Q, N]
        similarity[np.arange(len(rows)), rows] = -np.inf  # the query itself
        nearest = np.argpartition(-similarity, _NEIGHBORS, axis=1)[:, :_NEIGHBORS]
        hits.append((names[nearest] == names[rows, None]).any(axis=1))
    return np.concatenate(hits)


def whitened(vectors: npt.NDArray[Any], ridge: float) -> npt.NDArray[Any]:
    """Return vectors as search compares them, whitened with shrinkage (`components.embeddings.whitening`).

    Args:
        vectors: float [N, D] of length 1, from which mean and covariance are computed.
        ridge: Share of the mean variance that is added to every variance.

    Returns:
        float32 [N, D] of length 1.

    Raises:
        ValueError: If all rows are the same.
    """
    fitted = whitening.fit([vectors], ridge)
    if fitted is None:
        raise ValueError(f"Received {len(vectors)} vectors that do not vary; expected some that do.")
    return fitted.apply(vectors)


def interval(hits: npt.NDArray[Any], names: npt.NDArray[Any]) -> tuple[float, float]:
    """Return the 95 % interval of a mean over images, by bootstrap over names, as images of a name are alike.

    Args:
        hits: bool [N], or the difference of two of them, float [N], for a paired comparison.
        names: Name of each drawing, [N].

    Returns:
        The ends of the interval.
    """
    _, group = np.unique(names, return_inverse=True)
    totals, sums = np.bincount(group), np.bincount(group, weights=hits)
    drawn = np.random.default_rng(0).integers(0, len(totals), (_DRAWS, len(totals)))
    low, high = np.percentile(sums[drawn].sum(axis=1) / totals[drawn].sum(axis=1), (2.5, 97.5))
    return float(low), float(high)


def pixel_baselines(images: npt.NDArray[Any]) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Yield name and vectors of each pixel baseline of images, uint8 [N, 48, 48, 3]."""
    gray = images @ np.array([0.299, 0.587, 0.114])
    yield "8x8 RGB pixels", _averaged(images, 8)
    yield "16x16 gray pixels", _averaged(gray[..., np.newaxis], 16)


def _averaged(images: npt.NDArray[Any], side: int) -> npt.NDArray[Any]:
    """Return the means over the cells of a grid: [N, H, W, C] to float [N, side * side * C]."""
    count, height, width, channels = images.shape
    cells = images.reshape(count, side, height // side, side, width // side, channels)
    means: npt.NDArray[np.float64] = cells.mean(axis=(2, 4), dtype=np.float64)
    return means.reshape(count, -1)


if __name__ == "__main__":
    main()
