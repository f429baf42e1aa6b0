import pathlib
from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow_transform as tft

from tests.trainer_module.digits_data import (
    digit_pixels,
    encode_png,
    make_example,
    run_transform,
    write_records,
)
from tfx_contrastive.trainer_module.config import EncoderConfig, ImageConfig
from tfx_contrastive.trainer_module.encoders.build import build_encoder
from tfx_contrastive.trainer_module.serving.saved_model import export_classifier, export_encoder

SHAPE = (12, 10, 1)  # not that of the sources: every image is resized
MAX_PIXELS = 100_000


class Served(NamedTuple):
    """What the tests look at; `names` are the classes of the classifier."""

    transform: tft.TFTransformOutput
    encoder: keras.Model
    head: keras.Model
    names: tuple[str, ...]
    encoder_dir: str
    classifier_dir: str
    records: str
    images: list[bytes]


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    root: pathlib.Path = tmp_path_factory.mktemp("served")
    pixels, labels = digit_pixels(40)
    images = [encode_png(one) for one in pixels]
    examples = [
        make_example(image, f"class {label}" if row % 2 else None)
        for row, (image, label) in enumerate(zip(images, labels, strict=True))
    ]
    config = ImageConfig(height=SHAPE[0], width=SHAPE[1], channels=SHAPE[2])
    transform = run_transform(root / "transform", examples, config)
    keras.utils.set_random_seed(0)
    encoder = build_encoder(EncoderConfig(name="c4n"), SHAPE, [0.3], [0.4])
    names = ("a class", "b/ö", "c")
    head = keras.Sequential([keras.Input((encoder.output_shape[-1],)), keras.layers.Dense(3)])
    head.layers[0].set_weights([np.random.default_rng(0).normal(size=(128, 3)), np.zeros(3)])
    export_encoder(str(root / "encoder"), encoder, transform, MAX_PIXELS)
    export_classifier(str(root / "classifier"), encoder, head, names, transform, MAX_PIXELS)
    return Served(
        transform,
        encoder,
        head,
        names,
        str(root / "encoder"),
        str(root / "classifier"),
        write_records(root / "train.tfrecord", examples),
        images,
    )
