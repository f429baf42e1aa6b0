from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.trainer_module.digits_data import digit_pixels
from tfx_contrastive.trainer_module.config import EncoderConfig
from tfx_contrastive.trainer_module.dataset import ImageDataset
from tfx_contrastive.trainer_module.encoders.build import build_encoder

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
NUM_LABELED = 100


def make_dataset(images: NDArray[Any], labels: NDArray[Any]) -> ImageDataset:
    ids = np.array([str(row).encode() for row in range(len(images))], object)
    return ImageDataset(
        images, labels.astype(np.int64), ids, np.array([0.3], np.float32), np.array([0.4], np.float32)
    )


@pytest.fixture(scope="session")
def digits() -> tuple[ImageDataset, ImageDataset]:
    """Digits: a training split of which 100 images are labeled, and an `eval` split."""
    pixels, labels = digit_pixels(1797)
    pixels = pixels[..., np.newaxis]
    hidden = labels[:1000].copy()
    hidden[NUM_LABELED:] = -1
    return make_dataset(pixels[:1000], hidden), make_dataset(pixels[1000:], labels[1000:])


@pytest.fixture(scope="session")
def encoder(digits: Any) -> keras.Model:
    """An encoder that has learned nothing but the statistics of its batch norms."""
    keras.utils.set_random_seed(0)
    encoder = build_encoder(EncoderConfig(name="c4n"), (8, 8, 1), [0.3], [0.4])
    for _ in range(30):
        encoder(digits[0].images[:200], training=True)
    return encoder
