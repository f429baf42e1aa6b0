"""The same thing by another designer among the ten nearest: default settings against pixels.

Needs npm and libcairo2 (`apt-get install npm libcairo2`); packages and drawings go to the cache folder.
Pretraining sees every drawing and no name; names are read for measuring alone. Settings were chosen on
half of the names, by their hash; the other half is `test`. Every drawing is in the set that is searched.

    python -m benchmarks.emoji [--cache DIR] [--set KEY=VALUE ...]   # bar: 0.60, and 0.15 above pixels
"""

import argparse
import logging
import os
import pathlib
import time

import numpy as np

from benchmarks.emoji import data, measuring
from benchmarks.pretrained import pretrained
from tfx_contrastive.pipeline.config import PipelineConfig, load_config
from tfx_contrastive.trainer_module.training.networks import BatchEncoder

_CONFIG = pathlib.Path(__file__).with_name("emoji.yaml")
_CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "tfx-contrastive-emoji"


def main() -> None:
    """Prints the rows of the table."""
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
    pixels: dict[str, np.ndarray] = {}
    for what, vectors in measuring.pixel_baselines(emoji.images):
        pixels |= tell(what, vectors, emoji, ridge)
    began, worked = time.monotonic(), time.process_time()
    h = embed(emoji.images, config)
    minutes, core_minutes = (time.monotonic() - began) / 60, (time.process_time() - worked) / 60
    print(f"trained and embedded in {minutes:.1f} min, {core_minutes:.1f} core minutes", flush=True)
    tell_margin(tell("embedding", h, emoji, ridge), pixels, emoji)


def embed(images: np.ndarray, config: PipelineConfig) -> np.ndarray:
    """Pretrains on all images as the Pretrainer does and embeds them.

    Args:
        images: uint8 [N, H, W, C].
        config: Of the pipeline; `pretrain` alone is read.

    Returns:
        h, float32 [N, D].
    """
    return BatchEncoder(pretrained(images, config.pretrain), images.shape[1:])(images)


def tell(what: str, vectors: np.ndarray, emoji: data.EmojiSet, ridge: float) -> dict[str, np.ndarray]:
    """Prints three rows: vectors as they are, centered, whitened.

    Args:
        what: Name of the vectors.
        vectors: float [N, D].
        emoji: What they are of.
        ridge: Of the whitening.

    Returns:
        Name of each row and its hits, bool [N].
    """
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    hits = {}
    for how, compared in (
        ("as they are", vectors),
        ("centered", vectors - vectors.mean(axis=0)),
        ("whitened", measuring.whitened(unit, ridge)),
    ):
        hits[f"{what}, {how}"] = measuring.found(compared, emoji.names)
        print_row(f"{what}, {how}", hits[f"{what}, {how}"], emoji)
    return hits


def tell_margin(
    embedding: dict[str, np.ndarray], pixels: dict[str, np.ndarray], emoji: data.EmojiSet
) -> None:
    """Prints the best form of the embedding less the best of the pixels, both chosen on half of the names."""
    chosen = emoji.chosen_on()
    best, best_pixels = (
        max(hits, key=lambda name: hits[name][chosen].mean()) for hits in (embedding, pixels)
    )
    margin = embedding[best].astype(float) - pixels[best_pixels]
    print_row(f"{best} less {best_pixels}", margin, emoji)


def print_row(what: str, hits: np.ndarray, emoji: data.EmojiSet) -> None:
    """Prints means with 95 % intervals: on the names of the choice, the others, all."""
    chosen, cells = emoji.chosen_on(), []
    for rows in (chosen, ~chosen, np.ones_like(chosen)):
        low, high = measuring.interval(hits[rows], emoji.names[rows])
        cells.append(f"{hits[rows].mean():.3f} ({low:.3f} to {high:.3f})")
    print(f"| {what} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
