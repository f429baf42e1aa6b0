"""Accuracy on the representation with each `image.resize`, for images of many aspect ratios.

The two data sets are drawn here. In `scenes`, one of six shapes is anywhere on a canvas of 16:9 to 9:16;
neither its position nor the canvas depends on the class. In `outlines`, ellipses and boxes that are square,
wide or tall fill their image, so that only the aspect ratio distinguishes some classes. Labels are used for
measuring and for the choice of the default of `image.resize` only.

    python -m benchmarks.resize [SEEDS] [ENCODER]   # by default one seed, and the encoder of color images
"""

import io
import logging
import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from PIL import Image, ImageDraw
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from benchmarks.prepared import pretrained
from tfx_contrastive.trainer_module.config import ImageConfig, PretrainConfig
from tfx_contrastive.trainer_module.images import decode_images
from tfx_contrastive.trainer_module.training.networks import BatchEncoder

_NUM_TRAIN, _NUM_TEST, _NUM_CLASSES, _LABELS_PER_CLASS = 1_400, 1_400, 6, 20
_CANVASES = ((128, 96), (96, 128), (160, 90), (90, 160), (112, 112), (144, 96))
_WAYS = ("stretch", "crop", "pad")
_CHUNK = 350


def main() -> None:
    """Print a row per data set, `image.resize` and seed."""
    logging.basicConfig(level=logging.WARNING)
    seeds = range(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    encoder = {"encoder": {"name": sys.argv[2]}} if len(sys.argv) > 2 else {}
    print("| set | image.resize | seed | 20-NN | 20 labels per class | n |\n|---|---|---|---|---|---|")
    labels = np.arange(_NUM_TRAIN + _NUM_TEST) % _NUM_CLASSES
    for name, draw in (("scenes", _scene), ("outlines", _outline)):
        encoded = [_png(draw(number, int(label))) for number, label in enumerate(labels)]
        for way in _WAYS:
            for seed in seeds:
                config = PretrainConfig.model_validate({"num_steps": 150, "seed": seed, **encoder})
                hits = _measure(encoded, labels, way, config)
                cells = " | ".join(_with_interval(each) for each in hits)
                print(f"| {name} | {way} | {seed} | {cells} | {_NUM_TEST:,} |", flush=True)


def _measure(
    encoded: list[bytes], labels: npt.NDArray[Any], way: str, config: PretrainConfig
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return which test images 20-NN and a probe on a few labels classify correctly: bool [N] each."""
    shape = ImageConfig.model_validate({"height": 32, "width": 32, "channels": 3, "resize": way})
    images = np.concatenate(
        [
            decode_images(tf.constant(encoded[row : row + _CHUNK]), shape).numpy()
            for row in range(0, len(encoded), _CHUNK)
        ]
    )
    train, test = slice(0, _NUM_TRAIN), slice(_NUM_TRAIN, None)
    encoder = pretrained(images[train], config.fitted_to(shape))
    h = BatchEncoder(encoder, images.shape[1:])(images)
    unit = h / np.linalg.norm(h, axis=1, keepdims=True)
    near = KNeighborsClassifier(20).fit(unit[train], labels[train]).predict(unit[test])
    standard = (h - h[train].mean(axis=0)) / (h[train].std(axis=0) + 1e-6)
    few = np.arange(_NUM_CLASSES * _LABELS_PER_CLASS)
    probe = LogisticRegression(C=0.1, max_iter=2_000).fit(standard[few], labels[few])
    return near == labels[test], probe.predict(standard[test]) == labels[test]


def _with_interval(hits: npt.NDArray[Any]) -> str:
    low, high = binomtest(int(hits.sum()), len(hits)).proportion_ci(method="wilson")
    return f"{hits.mean():.3f} ({low:.3f} to {high:.3f})"


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _colors(rng: np.random.Generator) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return a bright background and a dark ink."""
    ground, ink = rng.integers(150, 256, 3), rng.integers(0, 110, 3)
    return tuple(ground.tolist()), tuple(ink.tolist())


def _noisy(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    pixels = np.asarray(image).astype(np.int16)
    return Image.fromarray(np.clip(pixels + rng.integers(-8, 9, pixels.shape), 0, 255).astype(np.uint8))


def _scene(number: int, label: int) -> Image.Image:
    rng = np.random.default_rng([number, label, 1])
    width, height = _CANVASES[rng.integers(len(_CANVASES))]
    ground, ink = _colors(rng)
    image = Image.new("RGB", (width, height), ground)
    side = round(rng.uniform(0.5, 0.85) * min(width, height))
    left, top = rng.integers(0, width - side + 1), rng.integers(0, height - side + 1)
    _draw_shape(ImageDraw.Draw(image), label, int(left), int(top), side, ink)
    return _noisy(image, rng)


def _draw_shape(
    draw: ImageDraw.ImageDraw, label: int, left: int, top: int, side: int, ink: tuple[int, ...]
) -> None:
    right, bottom, third = left + side, top + side, side // 3
    if label == 0:
        draw.ellipse((left, top, right, bottom), fill=ink)
    elif label == 1:
        draw.rectangle((left, top, right, bottom), fill=ink)
    elif label == 2:
        draw.polygon(((left + side // 2, top), (right, bottom), (left, bottom)), fill=ink)
    elif label == 3:
        draw.rectangle((left, top + third, right, bottom - third), fill=ink)
        draw.rectangle((left + third, top, right - third, bottom), fill=ink)
    elif label == 4:
        draw.ellipse((left, top, right, bottom), outline=ink, width=max(3, side // 6))
    else:
        draw.polygon(
            (
                (left + side // 2, top),
                (right, top + side // 2),
                (left + side // 2, bottom),
                (left, top + side // 2),
            ),
            fill=ink,
        )


def _outline(number: int, label: int) -> Image.Image:
    rng = np.random.default_rng([number, label, 2])
    form, proportion = divmod(label, 3)
    ratio = (1.0, 1.7, 1 / 1.7)[proportion] * rng.uniform(0.92, 1.08)
    height = rng.uniform(60, 110) / np.sqrt(ratio)
    width, margin = height * ratio, rng.uniform(3, 9)
    ground, ink = _colors(rng)
    image = Image.new("RGB", (round(width + 2 * margin), round(height + 2 * margin)), ground)
    box = (margin, margin, margin + width, margin + height)
    draw = ImageDraw.Draw(image)
    (draw.ellipse if form == 0 else draw.rectangle)(box, fill=ink)
    return _noisy(image, rng)


if __name__ == "__main__":
    main()
