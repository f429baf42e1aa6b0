"""Images as TensorFlow reads them, which is how the Transform graph does; TensorFlow is loaded on use."""

from typing import Any

import numpy as np

from . import headers
from .png import encode_png

_RGBA_OF_GRAY = [0, 0, 0, 1]  # from gray and opacity


def read(data: bytes) -> np.ndarray | None:
    """Decodes an image and turns it upright.

    Args:
        data: PNG, JPEG, GIF or BMP.

    Returns:
        uint8 [H, W, C], C in {1, 3, 4}; None if the decoder refuses the image.
    """
    import tensorflow as tf

    with tf.device("CPU"):
        try:
            decoded: Any = tf.io.decode_image(data, expand_animations=False).numpy()
        except tf.errors.OpError:
            return None
    return headers.turn_upright(without_gray_alpha(decoded), headers.orientation(data))


def read_deep(data: bytes) -> np.ndarray:
    """Decodes a PNG of 16 bits per value: uint16 [H, W, C], C in {1, 3, 4}, as stored."""
    import tensorflow as tf

    with tf.device("CPU"):
        values: Any = tf.io.decode_png(data, dtype=tf.uint16).numpy()
    return without_gray_alpha(values)


def as_upright(encoded: bytes) -> bytes:
    """An image for readers that don't turn it: as it came where it stands upright, else turned, as PNG."""
    if headers.orientation(encoded) == headers.UPRIGHT:
        return encoded
    pixels = read(encoded)
    return encoded if pixels is None else encode_png(pixels[np.newaxis])[0]


def without_gray_alpha(pixels: np.ndarray) -> np.ndarray:
    """Pixels [H, W, C] as they are, but RGBA for gray with opacity (C of 2)."""
    return pixels[..., _RGBA_OF_GRAY] if pixels.shape[-1] == 2 else pixels
