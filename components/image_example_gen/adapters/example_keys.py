"""The keys of `tf.train.Example`s: their types, and which of them hold images and labels."""

import collections
import dataclasses
import difflib
import math
import re
from collections.abc import Mapping
from typing import Any

from tfx_contrastive.components.examples.file_formats import name_format

_KINDS = {"bytes_list": "bytes", "float_list": "float", "int64_list": "int64"}

# First bytes of encoded images, and usual names of labels.
_IMAGE = re.compile(
    rb"\x89PNG|\xff\xd8\xff|GIF8|BM|RIFF....WEBP|II\*\0|MM\0\*|....ftyp|\0\0\0\x0cjP", re.DOTALL
)
_BASE64_IMAGE = (b"iVBORw0KGgo", b"/9j/", b"R0lGOD", b"data:image/")
_LABEL_WORDS = ("label", "labels", "class", "target", "targets", "category", "species", "y", "fine_label")
_IMAGE_WORDS = ("image", "encoded", "jpeg", "png", "img", "image_raw", "photo", "picture", "x")
_SIDES = (("height", "image/height"), ("width", "image/width"), ("depth", "channels", "image/channels"))


@dataclasses.dataclass
class KeyCensus:
    """Counts of the keys in the records seen so far.

    Attributes:
        num_records: Number of records.
        kinds: Key -> `bytes`, `int64`, `float` or `sequence` -> number of records that have it so.
        num_values: Key -> greatest number of values in one record.
        images: Keys with a value that begins as an encoded image does.
        other_images: Key that is named like an image but holds something else -> what it holds; empty if
            that is unknown.
        rejected: Reason why a record has no image -> number of records.
    """

    num_records: int = 0
    kinds: dict[str, collections.Counter[str]] = dataclasses.field(default_factory=dict)
    num_values: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    images: set[str] = dataclasses.field(default_factory=set)
    other_images: dict[str, str] = dataclasses.field(default_factory=dict)
    rejected: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)

    def add(self, example: Any | None) -> None:
        """Count the keys of a record."""
        self.num_records += 1
        if example is None:
            return
        for key, feature in example.features.feature.items():
            kind, values = values_of(feature)
            self.kinds.setdefault(key, collections.Counter())[kind] += 1
            self.num_values[key] = max(self.num_values[key], len(values))
            if kind == "bytes" and values and _IMAGE.match(values[0]):
                self.images.add(key)
            elif kind == "bytes" and values and key not in self.other_images and _is_named(key, _IMAGE_WORDS):
                self.other_images[key] = what_instead(values[0], example.features.feature) or ""
        for key in example.feature_lists.feature_list:
            self.kinds.setdefault(key, collections.Counter())["sequence"] += 1

    def described(self) -> str:
        """Return the keys with their types: `image/class/label (int64), image/encoded (bytes: images)`."""
        parts = []
        for key, kinds in sorted(self.kinds.items()):
            kind = " or ".join(sorted(kind for kind in kinds if kind)) or "no value"
            if key in self.images:
                kind += ": encoded images"
            elif self.num_values[key] > 1:
                kind += f", up to {self.num_values[key]:,} values"
            parts.append(f"{key} ({kind})")
        return ", ".join(parts) or "none"

    def likely_image(self) -> str | None:
        """Return the key that most likely holds the encoded image."""
        if self.images:
            return min(self.images, key=lambda key: (_rank(key, _IMAGE_WORDS), key))
        return None

    def likely_label(self, not_this: str, but: str = "") -> str | None:
        """Return the most likely key of the label: named like one, with one value; text before numbers."""
        found = [
            key
            for key, kinds in self.kinds.items()
            if key not in (not_this, but)
            and key not in self.images
            and "sequence" not in kinds
            and (_is_named(key, _LABEL_WORDS) or _is_class_text(key) or _is_nearly_a_label(key))
        ]
        several = self.num_values
        return min(
            found,
            key=lambda key: (several[key] > 1, "bytes" not in self.kinds[key], _rank(key, _LABEL_WORDS), key),
            default=None,
        )


def values_of(feature: Any) -> tuple[str, Any]:
    """Return kind (`bytes`, `int64`, `float`; empty if nothing is set) and values of a feature."""
    field = feature.WhichOneof("kind")
    return (_KINDS[field], getattr(feature, field).value) if field else ("", ())


def what_instead(data: bytes, features: Mapping[str, Any]) -> str | None:
    """Return what the bytes are if they are no encoded image; None if that is unknown or they are one."""
    if not data or _IMAGE.match(data):
        return None
    if data.startswith(_BASE64_IMAGE):
        return "an image as base64 text; write the bytes themselves"
    sides = [_number(features, names) for names in _SIDES]
    if sides[0] and sides[1]:
        channels = [sides[2]] if sides[2] else [1, 3, 4]
        shapes = [(sides[0], sides[1], each) for each in channels]
    else:
        shapes = [(side, side, each) for each in (1, 3, 4) for side in [math.isqrt(len(data) // each)]]
    for height, width, depth in shapes:
        if height > 1 and height * width * (depth or 1) == len(data) and name_format(data[:64]) is None:
            return (
                f"{len(data):,} bytes of raw pixels ({height}x{width}x{depth or 1}), not an encoded image "
                "(PNG, JPEG, …); write tf.io.encode_png(pixels)"
            )
    if len(data) < 1000 and name_format(data) == "text":
        return f"the text {data[:60].decode('utf-8', 'replace')!r}, not the bytes of an image"
    return None


def _number(features: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    for name in names:
        if name in features:
            kind, values = values_of(features[name])
            if kind == "int64" and len(values) == 1:
                return int(values[0])
    return None


def _rank(key: str, words: tuple[str, ...]) -> int:
    last = re.split(r"[/.:]", key.lower())[-1]
    return words.index(last) if last in words else len(words)


def _is_named(key: str, words: tuple[str, ...]) -> bool:
    return _rank(key, words) < len(words)


def _is_class_text(key: str) -> bool:
    """Return whether the key is like `image/class/text`, `class_name` or `label_text`."""
    parts = re.split(r"[/._:]", key.lower())
    return bool({"class", "label", "category"} & set(parts)) and not {"bbox", "object"} & set(parts)


def _is_nearly_a_label(key: str) -> bool:
    """Return whether the key is like `lable`, `labl`, `Class` or `lbl`."""
    parts = re.split(r"[/._:]", key.lower())
    return "lbl" in parts or bool(difflib.get_close_matches(parts[-1], ("label", "labels", "class"), 1, 0.75))
