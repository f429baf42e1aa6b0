"""The arrays of a NumPy archive: which are images and which are labels, their headers and values."""

import dataclasses
import math
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tfx_contrastive.components.examples import names
from tfx_contrastive.components.image_example_gen.adapters import arrays
from tfx_contrastive.contract import files
from tfx_contrastive.contract.errors import DataError
from tfx_contrastive.contract.examples import SPLITS

from ..records import UNSPLIT

_IMAGE_WORDS = ("x", "images", "image", "imgs", "img", "data", "pixels")
_LABEL_WORDS = ("y", "labels", "label", "targets", "target")
_POSITIONAL = re.compile(r"arr_\d+")
EXPECTED = (
    "expected images and labels, x_train, y_train, x_test, y_test (and x_val, y_val), or the same under "
    "names such as train_images and train_labels, X and y, data and target"
)


@dataclasses.dataclass(frozen=True)
class Pair:
    """The names of images and their labels.

    Attributes:
        images: Name of the array of images.
        labels: Name of the array of labels; None if there is none.
        split: The split of all images.
    """

    images: str
    labels: str | None
    split: str


def find_pairs(shapes: Mapping[str, tuple[int, ...]], path: str) -> list[Pair]:
    """Find images and labels by the names of the arrays; `arr_0` and `arr_1` by their shapes.

    Args:
        shapes: Name -> shape of every array.
        path: The archive, for error messages.

    Raises:
        DataError: If there are no images, possible labels have an unknown name, or two arrays have the
            same meaning.
    """
    if shapes and all(_POSITIONAL.fullmatch(name) for name in shapes):
        return [_positional(shapes, path)]
    images = _by_split(shapes, _IMAGE_WORDS, path)
    labels = _by_split(shapes, _LABEL_WORDS, path)
    if not images:
        raise DataError(f"Received {path} with the arrays {_described(shapes)}; {EXPECTED}.")
    order = [*SPLITS, UNSPLIT]
    pairs = [Pair(images[split], labels.get(split), split) for split in sorted(images, key=order.index)]
    known = {*images.values(), *labels.values()}
    for pair in pairs:
        if pair.labels is None:
            _require_no_other_labels(pair, {k: v for k, v in shapes.items() if k not in known}, shapes, path)
    if alone := [labels[split] for split in labels if split not in images]:
        raise DataError(
            f"Received {path} with the labels {alone[0]}, but no images of that name among "
            f"{_described(shapes)}; {EXPECTED}."
        )
    return pairs


def passed_over(shapes: Mapping[str, tuple[int, ...]], pairs: Sequence[Pair]) -> list[str]:
    """Return warnings about arrays that are neither images nor labels."""
    known = {name for pair in pairs for name in (pair.images, pair.labels)}
    others = {name: shape for name, shape in shapes.items() if name not in known}
    return [f"passed over the arrays {_described(others)}"] if others else []


def _by_split(shapes: Mapping[str, tuple[int, ...]], words: tuple[str, ...], path: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in sorted(shapes):
        split = _split_of(name, words)
        if split is None:
            continue
        if split in found:
            raise DataError(
                f"Received {path} with {found[split]} and {name}, which may be the same; expected one of "
                "them. Save the archive again without the other."
            )
        found[split] = name
    return found


def _split_of(name: str, words: tuple[str, ...]) -> str | None:
    """Return the split that a name states beside one of the words; None without one of the words."""
    parts = re.split(r"[_\-. /]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
    if len(parts) == 1:
        if parts[0] in words:
            return UNSPLIT
        parts = [parts[0][:1], parts[0][1:]]  # xtrain, ytest
    for word, rest in ((parts[0], parts[1:]), (parts[-1], parts[:-1])):
        if word in words and (stated := names.split_of("_".join(rest))):
            return stated
        if word in words and rest in (["all"], ["full"]):
            return UNSPLIT
    return None


def _positional(shapes: Mapping[str, tuple[int, ...]], path: str) -> Pair:
    images = [name for name, shape in shapes.items() if len(shape) >= 3]
    labels = [name for name, shape in shapes.items() if _is_a_list(shape)]
    same = len(images) == 1 and all(shapes[name][0] == shapes[images[0]][0] for name in labels)
    if not same or len(labels) > 1 or len(images) + len(labels) < len(shapes):
        raise DataError(
            f"Received {path} with the arrays {_described(shapes)}, whose names don't tell which are images "
            f"and which are labels; {EXPECTED}. Save them with names: numpy.savez(path, images=…, labels=…)."
        )
    return Pair(images[0], labels[0] if labels else None, UNSPLIT)


def _require_no_other_labels(
    pair: Pair,
    others: Mapping[str, tuple[int, ...]],
    shapes: Mapping[str, tuple[int, ...]],
    path: str,
) -> None:
    num_images = shapes[pair.images][:1]
    like = [name for name, shape in others.items() if _is_a_list(shape) and shape[:1] == num_images]
    if like:
        raise DataError(
            f"Received {path} with images {pair.images} and no labels of that name, but with the arrays "
            f"{_described(shapes)}; {EXPECTED}. {like[0]} may be the labels: save it under such a name, or "
            "leave it out to train without labels."
        )


def _is_a_list(shape: tuple[int, ...]) -> bool:
    return len(shape) == 1 or (len(shape) == 2 and shape[1] < 1000)


def _described(shapes: Mapping[str, tuple[int, ...]]) -> str:
    shown = [f"{name} {shape}" for name, shape in sorted(shapes.items())]
    return ", ".join(shown[:12]) + (" …" if len(shown) > 12 else "") or "(none)"


# Shape, whether in Fortran order, type, and the offset of the first value.
Header = tuple[tuple[int, ...], bool, np.dtype[Any], int]

_FORMAT: Any = np.lib.format  # without types
_BLOCK_BYTES = 1 << 23
_WHOLE_BYTES = 1 << 26  # a sketch reads arrays up to this size as a whole
_RUNS = 8  # number of runs of adjacent images that it reads of larger arrays


@dataclasses.dataclass(frozen=True)
class StoredImages:
    """The header of an array of images.

    Attributes:
        path: The archive.
        pair: Names of the array and of its labels.
        shape: As stored.
        dtype: As stored.
        fortran: Whether the first axis varies fastest.
        offset: Number of bytes before the first value.
    """

    path: str
    pair: Pair
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    offset: int

    @property
    def what(self) -> str:
        """Return the name of the array for error messages."""
        return f"the images {self.pair.images!r} of {self.path}"

    @property
    def image_bytes(self) -> int:
        """Return the number of bytes per image."""
        return self.dtype.itemsize * math.prod(self.shape[1:])


def require_whole(archive: zipfile.ZipFile, images: StoredImages) -> None:
    """Refuse an array that is shorter or longer than its header says.

    Raises:
        DataError: If it is.
    """
    expected = images.offset + images.image_bytes * images.shape[0]
    size = archive.getinfo(f"{images.pair.images}.npy").file_size
    if size != expected:
        raise DataError(
            f"Received {images.what}, of which {size:,} bytes are there; expected {expected:,} for the shape "
            f"{images.shape} of type {images.dtype.name}. Save or copy the archive again."
        )


def whole_range(archive: zipfile.ZipFile, images: StoredImages) -> arrays.ValueRange:
    """Return the range of an array; arrays of 8 bits are not read."""
    if arrays.is_8_bit(images.dtype):
        return arrays.ValueRange(images.dtype)
    with archive.open(f"{images.pair.images}.npy") as file:
        file.read(images.offset)
        return arrays.range_of(_blocks(file, images), images.dtype)


def _blocks(file: Any, images: StoredImages) -> Iterator[npt.NDArray[Any]]:
    left = images.image_bytes * images.shape[0]
    while left:
        data = file.read(min(left, _BLOCK_BYTES))
        if not data or len(data) % images.dtype.itemsize:
            raise DataError(f"Received {images.what}, which end too early; save or copy the archive again.")
        left -= len(data)
        yield np.frombuffer(data, images.dtype)


def read_array(file: Any) -> npt.NDArray[Any]:
    """Read a whole array; raise ValueError for one of objects (a pickle), and for a damaged one."""
    values: npt.NDArray[Any] = _FORMAT.read_array(file, allow_pickle=False)
    return values


def unpack(archive: zipfile.ZipFile, images: StoredImages, path: str) -> None:
    """Write an array to a file of its own; Fortran order is converted to C order in memory."""
    with archive.open(f"{images.pair.images}.npy") as packed, files.create_binary(path) as unpacked:
        if images.fortran:
            for image in read_array(packed):
                unpacked.write(np.ascontiguousarray(image).tobytes())
        else:
            shutil.copyfileobj(packed, unpacked, 1 << 20)


def sample(
    archive: zipfile.ZipFile, images: StoredImages, num_images: int, rng: np.random.Generator
) -> tuple[npt.NDArray[Any], Sequence[int]]:
    """Return some images as they are stored, and their positions.

    A small array is read as a whole. From a large array, a few runs of adjacent images are read by position.
    If it is compressed or in Fortran order, only its beginning is read.
    """
    name = f"{images.pair.images}.npy"
    total = images.shape[0]
    if images.image_bytes * total <= _WHOLE_BYTES:
        with archive.open(name) as file:
            return read_array(file), range(total)
    per_run = max(min(num_images, _WHOLE_BYTES // images.image_bytes) // _RUNS, 1)
    stored = archive.getinfo(name).compress_type == zipfile.ZIP_STORED
    if images.fortran or not stored:
        count = min(per_run * _RUNS, total)
        with archive.open(name) as file:
            file.read(images.offset)
            values = np.frombuffer(file.read(count * images.image_bytes), images.dtype)
        return (values, ()) if images.fortran else (values.reshape(-1, *images.shape[1:]), range(count))
    starts = sorted({0, total - per_run, *rng.integers(0, total - per_run, _RUNS - 2).tolist()})
    positions = sorted({i for start in starts for i in range(start, start + per_run)})
    source = archive.fp
    assert source is not None
    begin = _data_offset(archive, name) + images.offset
    values = np.empty((len(positions), *images.shape[1:]), images.dtype)
    for row, position in enumerate(positions):
        source.seek(begin + position * images.image_bytes)
        values[row] = np.frombuffer(source.read(images.image_bytes), images.dtype).reshape(images.shape[1:])
    return values, positions


def _data_offset(archive: zipfile.ZipFile, name: str) -> int:
    """Return where the data of an uncompressed member begin: after its local header, name and extra field."""
    file = archive.fp
    assert file is not None
    start = archive.getinfo(name).header_offset
    file.seek(start + 26)
    lengths = file.read(4)
    return start + 30 + int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little")


def read_header(file: Any, name: str) -> Header:
    """Read the header of an array."""
    try:
        version = _FORMAT.read_magic(file)
        reader = {
            (1, 0): _FORMAT.read_array_header_1_0,
            (2, 0): _FORMAT.read_array_header_2_0,
        }.get(version)
        if reader is None:
            raise ValueError(f"its version is {version[0]}.{version[1]}, expected 1.0 or 2.0")
        shape, fortran, dtype = reader(file)
    except ValueError as error:
        raise DataError(f"Received the array {name}, whose header can't be read: {error}.") from error
    return shape, fortran, dtype, file.tell()
