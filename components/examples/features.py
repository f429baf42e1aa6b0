"""Pixel statistics, image ids, and the columns of the data contract."""

import functools
import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from tfx_bsl.coders import example_coder

from tfx_contrastive.contract.examples import (
    BRIGHT,
    BRIGHTNESS,
    BRIGHTNESS_BAND,
    CHANNELS,
    CONTRAST,
    DARK,
    ENTROPY,
    HEIGHT,
    IMAGE,
    IMAGE_ID,
    LABEL,
    MEDIUM,
    NEAR_COPY,
    NO_NEAR_COPY,
    NUM_BYTES,
    SOURCE,
    TRAIN,
    WIDTH,
)

_LEVELS = 256
_BANDS = np.array([DARK.encode(), MEDIUM.encode(), BRIGHT.encode()])


def image_ids(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the SHA-256 of size and pixels of each image, which identifies it.

    Args:
        pixels: uint8 [N, H, W, C].

    Returns:
        uint8 [N, 32].
    """
    # With the size: otherwise images of 2x8 and 4x4 with the same bytes would have one id.
    prefix = hashlib.sha256("x".join(map(str, pixels.shape[1:])).encode())
    digests = bytearray()
    for image in np.ascontiguousarray(pixels):
        digest = prefix.copy()
        digest.update(image)
        digests += digest.digest()
    return np.frombuffer(bytes(digests), np.uint8).reshape(-1, 32)


def pixel_statistics(pixels: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """Return brightness, contrast and entropy of images.

    Args:
        pixels: uint8 [N, H, W, C], C in {1, 3}; images with alpha come from `model_input.on_ground`.

    Returns:
        Mean in [0, 1], standard deviation in [0, 1], and Shannon entropy in bits of the histogram of 256
        levels; float32 [N] each.
    """
    histograms = np.stack([np.bincount(image.ravel(), minlength=_LEVELS) for image in pixels])  # [N, 256]
    num_values = pixels[0].size
    levels = np.arange(_LEVELS) / (_LEVELS - 1)
    mean = histograms @ levels / num_values
    variance = histograms @ levels**2 / num_values - mean**2
    information = _count_times_log2(num_values)[histograms] if num_values < 1 << 20 else _xlog2x(histograms)
    # H = -sum c/n log2(c/n) = log2 n - (sum c log2 c) / n
    entropy = np.log2(num_values) - information.sum(axis=1) / num_values
    return (
        mean.astype(np.float32),
        np.sqrt(variance.clip(0)).astype(np.float32),
        entropy.clip(0).astype(np.float32),
    )


@functools.lru_cache(maxsize=8)
def _count_times_log2(largest: int) -> npt.NDArray[Any]:
    """Return c * log2(c) for every count c up to `largest`; a table is far cheaper than logarithms."""
    return _xlog2x(np.arange(largest + 1))


def _xlog2x(counts: npt.NDArray[Any]) -> npt.NDArray[Any]:
    product: npt.NDArray[Any] = counts * np.log2(np.maximum(counts, 1))
    return product


def brightness_bands(brightness: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return `dark`, `medium` or `bright` for each image, by thirds of [0, 1]; bytes [N]."""
    return _BANDS[np.searchsorted([1 / 3, 2 / 3], brightness, side="right")]


def encode_examples(
    pixels: Sequence[npt.NDArray[Any]] | npt.NDArray[Any],
    laid: Sequence[npt.NDArray[Any]] | npt.NDArray[Any],
    encoded: Sequence[bytes],
    ids: npt.NDArray[Any],
    sources: Sequence[str],
) -> list[bytes]:
    """Serialize a `tf.train.Example` of the data contract per image, without `label` and `near_copy`.

    Those two are known later; `label_suffix` and `near_copy_suffix` append them.

    Args:
        pixels: N arrays, uint8 [H, W, C]; sizes may differ.
        laid: The same images on the background (`model_input.on_ground`), from which statistics are
            computed.
        encoded: [N] encoded images.
        ids: uint8 [N, 32].
        sources: [N] place of each image, relative to the data root.
    """
    if isinstance(laid, np.ndarray):
        brightness, contrast, entropy = pixel_statistics(laid)
    else:
        statistics = [pixel_statistics(image[np.newaxis]) for image in laid]
        brightness, contrast, entropy = (np.concatenate(each) for each in zip(*statistics, strict=True))
    sizes = np.array([image.shape for image in pixels], np.int64)  # [N, 3]
    text = ids.tobytes().hex()
    columns = {
        IMAGE: pa.array(encoded, pa.large_binary()),
        IMAGE_ID: pa.array([text[i : i + 64].encode() for i in range(0, len(text), 64)], pa.large_binary()),
        SOURCE: pa.array([source.encode("utf-8", "replace") for source in sources], pa.large_binary()),
        HEIGHT: pa.array(sizes[:, 0]),
        WIDTH: pa.array(sizes[:, 1]),
        CHANNELS: pa.array(sizes[:, 2]),
        NUM_BYTES: pa.array(np.array([len(each) for each in encoded], np.int64)),
        BRIGHTNESS: pa.array(brightness),
        CONTRAST: pa.array(contrast),
        ENTROPY: pa.array(entropy),
        BRIGHTNESS_BAND: pa.array(brightness_bands(brightness).tolist(), pa.large_binary()),
    }
    return _serialize(columns)


@functools.lru_cache(maxsize=65536)  # of a class, for every chunk
def label_suffix(label: str) -> bytes:
    """Return the bytes that, appended to a serialized Example, add its label.

    Concatenated protocol buffers merge: `features` of the first gains the map entry of the second
    (https://protobuf.dev/programming-guides/encoding/#last-one-wins).
    """
    return _serialize({LABEL: pa.array([label.encode("utf-8", "replace")], pa.large_binary())})[0]


@functools.lru_cache(maxsize=2)
def near_copy_suffix(in_train: bool) -> bytes:
    """Return the bytes that, appended to a serialized Example, tell of a near copy in `train`."""
    value = TRAIN if in_train else NO_NEAR_COPY
    return _serialize({NEAR_COPY: pa.array([value.encode()], pa.large_binary())})[0]


def _serialize(columns: dict[str, pa.Array]) -> list[bytes]:
    lists = [pa.LargeListArray.from_arrays(np.arange(len(values) + 1), values) for values in columns.values()]
    batch = pa.RecordBatch.from_arrays(lists, list(columns))
    encoded: list[bytes] = example_coder.RecordBatchToExamplesEncoder().encode(batch)
    return encoded
