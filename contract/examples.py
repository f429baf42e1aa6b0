"""The data contract: features and splits of the tf.train.Example records that ImageExampleGen writes.

A feature holds one value. `label` is absent when the class is unknown, and `near_copy` is absent from
records that an earlier version wrote; every other feature is always present.
"""

import dataclasses
from typing import Literal

TRAIN, EVAL, TEST = "train", "eval", "test"
SPLITS = (TRAIN, EVAL, TEST)

IMAGE = "image"  # the encoded image as the source holds it
LABEL = "label"  # class name
IMAGE_ID = "image_id"  # SHA-256 of size and pixels, hex
SOURCE = "source"  # path relative to the data root
HEIGHT, WIDTH, CHANNELS, NUM_BYTES = "height", "width", "channels", "num_bytes"
BRIGHTNESS, CONTRAST, ENTROPY = "brightness", "contrast", "entropy"
BRIGHTNESS_BAND = "brightness_band"  # brightness by thirds
NEAR_COPY = "near_copy"  # the split that holds a near copy of the image

DARK, MEDIUM, BRIGHT = "dark", "medium", "bright"
NO_NEAR_COPY = "none"


@dataclasses.dataclass(frozen=True)
class Feature:
    """A feature of the data contract.

    Attributes:
        name: Its key.
        dtype: Type of its values.
        is_required: Whether every record has it.
        values: All values that it can have; empty: any.
        least: Smallest value of a number; None: no bound.
        most: Largest value of a number; None: no bound.
    """

    name: str
    dtype: Literal["bytes", "int64", "float"]
    is_required: bool = True
    values: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None


FEATURES = (
    Feature(IMAGE, "bytes"),
    Feature(LABEL, "bytes", is_required=False),
    Feature(IMAGE_ID, "bytes"),
    Feature(SOURCE, "bytes"),
    Feature(HEIGHT, "int64", least=1),
    Feature(WIDTH, "int64", least=1),
    Feature(CHANNELS, "int64", least=1, most=4),
    Feature(NUM_BYTES, "int64", least=1),
    Feature(BRIGHTNESS, "float", least=0.0, most=1.0),
    Feature(CONTRAST, "float", least=0.0, most=0.5),
    Feature(ENTROPY, "float", least=0.0, most=8.0),
    Feature(BRIGHTNESS_BAND, "bytes", values=(BRIGHT, DARK, MEDIUM)),
    Feature(NEAR_COPY, "bytes", is_required=False, values=(NO_NEAR_COPY, TRAIN)),
)
