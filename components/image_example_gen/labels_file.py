"""Labels from a CSV file beside the source, which people fill in or correct (docs/suggest.md)."""

import dataclasses
import posixpath
import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence

from tfx_contrastive.components.examples import names
from tfx_contrastive.contract.errors import DataError

from . import csv_table
from .records import StagedChunk

IMAGE_ID, SOURCE, LABEL = "image_id", "source", "label"
_SHOWN = 5


@dataclasses.dataclass(frozen=True)
class LabelsFile:
    """The content of a labels file.

    Attributes:
        path: The file.
        key: The column that names the image: `image_id` or `source`.
        labels: Value of that column -> class name.
        lines: Value of that column -> line in the file, for messages.
        digest: SHA-256 of the file, hex.
    """

    path: str
    key: str
    labels: Mapping[str, str]
    lines: Mapping[str, int]
    digest: str


def read(path: str) -> LabelsFile:
    """Read the file.

    Args:
        path: A CSV file with the column `label` and `image_id` or `source`; if it has both, `image_id`
            counts. Other columns are notes, which are ignored.

    Raises:
        DataError: If there is no such file, a column is missing, a label is empty, or an image is listed
            twice.
    """
    try:
        found = csv_table.read(path, "the labels file")
    except (OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"Received the labels file {path}, which can't be read: {error}. Correct data.labels_files."
        ) from error
    ids = [i for i, name in enumerate(found.columns) if names.folded(name) == names.folded(IMAGE_ID)]
    key = IMAGE_ID if ids else SOURCE
    at = ids[0] if ids else found.column(csv_table.PATH)
    label_at = found.column(csv_table.LABEL)
    if at is None or label_at is None:
        raise DataError(
            f"Received {found.what} with {found.listed}; expected "
            f"a first line with {LABEL} and {IMAGE_ID} or {SOURCE}."
        )
    labels: dict[str, str] = {}
    lines: dict[str, int] = {}
    empty, double = [], []
    for line, row in found.rows:
        name, label = row[at], row[label_at]
        if not name and not label:
            continue
        if not name or not label:
            empty.append(line)
        elif name in labels:
            double.append(f"lines {lines[name]} and {line} name {name}")
        else:
            labels[name], lines[name] = label, line
    if empty:
        raise DataError(
            f"Received the labels file {path} without {LABEL} or {key} in these lines: {_listed(empty)}; "
            "expected both. Fill them in, or delete the lines that stay undecided."
        )
    if double:
        raise DataError(
            f"Received the labels file {path}, which names {_images(len(double))} twice: "
            f"{_listed(double)}; expected one line for each image."
        )
    if not labels:
        raise DataError(
            f"Received the labels file {path}, which labels nothing; expected one line per image."
        )
    return LabelsFile(path, key, labels, lines, found.digest)


def check_classes(file: LabelsFile, class_names: Sequence[str]) -> None:
    """Refuse a class that the source doesn't have, which is probably a typing error.

    A class that is really new must come with the source: images of a labels file are for training, so
    `eval` and `test` would have none of it.

    Args:
        file: The labels.
        class_names: The classes of the source; empty if it has none, and any name is allowed.

    Raises:
        DataError: If there is such a class.
    """
    known = set(class_names)
    unknown = [
        f"line {file.lines[key]}: {label!r}" for key, label in file.labels.items() if label not in known
    ]
    if class_names and unknown:
        raise DataError(
            f"Received the labels file {file.path} with labels that no image of the source has: "
            f"{_listed(unknown)}; expected one of {', '.join(map(repr, class_names))}. Correct them; give "
            "the source itself images of a new class, so that eval and test have some."
        )


def given_labels(paths: Sequence[str], chunks: Sequence[StagedChunk]) -> dict[bytes, str]:
    """Return image id -> class name from labels files; of two files the later one counts.

    Args:
        paths: The labels files.
        chunks: Every staged image.

    Raises:
        DataError: If a file doesn't fit the images.
    """
    found: dict[bytes, str] = {}
    own = sorted({label for chunk in chunks for label in chunk.labels if label is not None})
    for path in paths:
        file = read(path)
        check_classes(file, own)
        found |= by_image_id(file, chunks)
    return found


def by_image_id(file: LabelsFile, chunks: Sequence[StagedChunk]) -> dict[bytes, str]:
    """Find the images that the file names.

    Args:
        file: The labels.
        chunks: Every staged image.

    Returns:
        Image id, 32 bytes -> class name.

    Raises:
        DataError: If an image is missing, or two lines give different labels to copies of one image.
    """
    keys = _keys(file, chunks)
    named_as = resolve(file, keys)
    ids = {name: keys[key] for name, key in named_as.items()}
    found: dict[bytes, str] = {}
    named: dict[bytes, str] = {}
    for name, label in file.labels.items():
        image_id = ids[name]
        if found.setdefault(image_id, label) != label:
            raise DataError(
                f"Received the labels file {file.path}, whose lines {file.lines[named[image_id]]} and "
                f"{file.lines[name]} give one picture the labels {found[image_id]!r} and {label!r}: "
                "they are copies. Delete one of the lines."
            )
        named.setdefault(image_id, name)
    return found


def _keys(file: LabelsFile, chunks: Sequence[StagedChunk]) -> dict[str, bytes]:
    """Return the names that the file may use -> image id, 32 bytes."""
    keys: dict[str, bytes] = {}
    for chunk in chunks:
        digests = [row.tobytes() for row in chunk.image_ids]
        names_of = chunk.sources if file.key == SOURCE else [digest.hex() for digest in digests]
        keys.update(zip(names_of, digests, strict=True))
    return keys


def resolve(file: LabelsFile, keys: Collection[str]) -> dict[str, str]:
    """Find the images that the file names; backslashes, another case and a missing extension are allowed.

    Args:
        file: The labels.
        keys: Sources or ids of all images.

    Returns:
        Name in the file -> one of `keys`.

    Raises:
        DataError: If an image is missing, or a name may mean several images.
    """
    found = {name: name for name in file.labels if name in keys}
    if len(found) < len(file.labels) and file.key == SOURCE:
        similar: dict[str, list[str]] = {}
        for key in keys:
            for form in dict.fromkeys((_folded(key), _folded(posixpath.splitext(key)[0]))):
                similar.setdefault(form, []).append(key)
        for name in file.labels:
            meant = [] if name in found else _meant(name, similar)
            if len(meant) > 1:
                raise DataError(
                    f"Received the labels file {file.path}, line {file.lines[name]}, with {name}, which may "
                    f"be {' or '.join(meant[:3])}; expected one image. Write its whole name."
                )
            found |= {name: meant[0]} if meant else {}
    unknown = [
        f"{names.shortened(name)} (line {file.lines[name]})" for name in file.labels if name not in found
    ]
    if unknown:
        example = f", such as {next(iter(keys))}" if keys else ""
        raise DataError(
            f"Received the labels file {file.path}, which names {_images(len(unknown))} that the source "
            f"doesn't have or that were set aside: {_listed(unknown)}; expected the {file.key} of its "
            f"images{example}. Delete those lines, or correct data.source."
        )
    return found


def _images(count: int) -> str:
    return f"{count:,} image{'s' if count != 1 else ''}"


def _meant(name: str, similar: Mapping[str, list[str]]) -> list[str]:
    """Return the images that a name may mean; of an absolute path only its end counts."""
    path = _folded(name)
    is_absolute = path.startswith("/") or re.match("[a-z]:/", path) is not None
    while path not in similar and is_absolute and "/" in path:
        path = path.partition("/")[2]
    return similar.get(path, [])


def _folded(path: str) -> str:
    return posixpath.normpath(unicodedata.normalize("NFC", path.replace("\\", "/")).casefold())


def _listed(items: Sequence[object]) -> str:
    return ", ".join(map(str, items[:_SHOWN])) + (" …" if len(items) > _SHOWN else "")
