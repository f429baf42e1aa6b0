"""False alarms and alarms of the drift check, with the model and data of a finished Fashion-MNIST run.

    make run
    python -m benchmarks.drift [ROOT]       # default: runs/fashion-mnist

New images are drawn from `eval`, which is a random part of the same 60,000 images as `train`, and changed.
The check runs with its defaults: 1,000 new images, 2,000 of training, alpha 0.01.
"""

import collections
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from benchmarks.prepared import finished_run, output_uri
from tfx_contrastive.components.embeddings import store
from tfx_contrastive.components.embeddings.store import read_images
from tfx_contrastive.components.examples.decode import DecodedImage, decode
from tfx_contrastive.components.examples.png import encode_png
from tfx_contrastive.components.model.served import ServedModel
from tfx_contrastive.consumers.drift.detection import DriftConfig, DriftDecision, detect
from tfx_contrastive.consumers.drift.samples import NewImages

_RESAMPLES, _SEEDS = 40, 5
_NUM_IMAGES = 1_000

Change = Callable[[npt.NDArray[Any]], npt.NDArray[Any]]
CHANGES: dict[str, Change] = {
    "blur, sigma 1 pixel": lambda pixels: ndimage.gaussian_filter(pixels, (1, 1, 0)),
    "blur, sigma 0.5 pixel": lambda pixels: ndimage.gaussian_filter(pixels, (0.5, 0.5, 0)),
    "inversion": lambda pixels: 255 - pixels,
}
MISSING = ("Shirt", "Trouser", "Bag")


def main(root: str = "") -> None:
    """Print the rows of the table."""
    _, run = finished_run(root)
    uri = output_uri(run, "EmbeddingGen", "embeddings")
    statistics = f"{output_uri(run, 'StatisticsGen', 'statistics')}/Split-train"
    meta = store.read_meta(uri)
    model = ServedModel(meta.model_dir)
    rows, _ = store.read_all(uri, ["eval"])
    ids, files, records = (rows[name].to_pylist() for name in ("image_id", "examples_file", "record"))
    encoded = read_images(meta.examples_uri, zip(ids, files, records, strict=True))
    images = [decode(encoded[each], "", False, 10**6) for each in ids]
    labels = np.array(rows["label"].to_pylist())

    def decide(chosen: Sequence[DecodedImage], seed: int) -> DriftDecision:
        return detect(
            NewImages(tuple(chosen), {}, len(chosen)), model, uri, statistics, DriftConfig(seed=seed)
        )

    def draw(candidates: npt.NDArray[Any], seed: int) -> list[DecodedImage]:
        drawn = np.random.default_rng(seed).choice(candidates, _NUM_IMAGES, replace=False)
        return [images[position] for position in drawn]

    everything = np.arange(len(images))
    print("| new images | alarms | by |\n|---|---|---|", flush=True)
    report("a resample", [decide(draw(everything, seed), seed) for seed in range(_RESAMPLES)])
    for name, change in CHANGES.items():
        found = [decide([altered(i, change) for i in draw(everything, s)], s) for s in range(_SEEDS)]
        report(name, found)
    for name in MISSING:
        kept = np.flatnonzero(labels != name)
        report(f"no {name}", [decide(draw(kept, seed), seed) for seed in range(_SEEDS)])


def altered(image: DecodedImage, change: Change) -> DecodedImage:
    """Return the image after a change of its pixels."""
    pixels = change(image.pixels).astype(np.uint8)
    (encoded,) = encode_png(pixels[np.newaxis])
    return DecodedImage(encoded, pixels)


def report(name: str, decisions: Sequence[DriftDecision]) -> None:
    """Print a row: the alarms and the checks that raised them."""
    checks = collections.Counter[str]()
    for decision in decisions:
        level = DriftConfig().level
        tests = {"MMD": decision.mmd, "Fréchet": decision.frechet, "classes": decision.classes}
        checks.update(test for test, found in tests.items() if found and found.p_value <= level)
        checks.update(
            feature for feature, value in decision.divergences.items() if value > DriftConfig().max_divergence
        )
    alarms = sum(decision.retrain for decision in decisions)
    by = ", ".join(f"{check} {count}" for check, count in checks.most_common())
    print(f"| {name} | {alarms} of {len(decisions)} | {by or 'none'} |", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:2])
