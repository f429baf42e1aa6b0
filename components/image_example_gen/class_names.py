"""Class names: how labels become names, and warnings about names that are probably mistakes."""

import collections
import decimal
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tfx_contrastive.components.examples import names
from tfx_contrastive.contract.errors import DataError

_MISSING = frozenset({""}) | names.words(
    "nan none null nil n/a na #n/a <na> nat undefined - ? . #value! #ref!"
)
_NUMBER = re.compile(r"[+-]?\d+([.,]\d*)?(e[+-]?\d+)?", re.IGNORECASE)
# Names such as the digest 7e12345678 count as numbers, too: no exponent is too large, no digit is lost.
_EXACT = decimal.Context(prec=1000, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN, traps=[])


def name_warnings(class_names: Iterable[str]) -> list[str]:
    """Warn of odd names, and of names that differ only in case, spaces, Unicode form or number format.

    Args:
        class_names: The classes of a source.

    Returns:
        One sentence per group of names.
    """
    all_names = sorted(set(class_names))
    groups = collections.defaultdict(list)
    for name in all_names:
        groups[_key(name)].append(name)
    found = [
        f"the classes {' and '.join(_shown(group))} differ only in {_difference(group)}; they stay apart: "
        "give them one name if they are one class"
        for group in groups.values()
        if len(group) > 1
    ]
    for odd, what, remedy in (
        (list(filter(is_missing, all_names)), "a missing label", "leave the label empty where it is unknown"),
        (list(filter(_is_unprintable, all_names)), "broken text", "write the names again"),
        (_joined(all_names), "several labels in one", "one image has one class: leave one of them"),
        (_fractions(all_names), "a figure, such as a score", "divide figures into a few classes"),
    ):
        shown = names.listed([ascii(name) if _is_unprintable(name) else repr(name) for name in odd])
        if len(odd) == 1:
            found.append(f"the class {shown} looks like {what}, but counts as a class; {remedy}")
        elif odd:
            found.append(f"the classes {shown} look like {what} each, but count as classes; {remedy}")
    return found


def is_missing(name: str) -> bool:
    """Return whether a name is one that programs write for a missing value."""
    return name.strip().casefold() in _MISSING


def _is_unprintable(name: str) -> bool:
    """Return whether a name holds control characters, such as line breaks or zero bytes."""
    return any(unicodedata.category(letter) == "Cc" for letter in name)


def _joined(class_names: Sequence[str]) -> list[str]:
    """Return names such as `a|b` or `['a', 'b']` of which a part is a class, or part of another one."""
    parts_of = {
        name: parts
        for name in class_names
        if len(parts := {part.strip(" '\"") for part in re.split(r"[|;,]", name.strip("[](){}"))} - {""}) > 1
    }
    counts = collections.Counter(part for parts in parts_of.values() for part in parts)
    known = set(class_names)
    return [
        name
        for name, parts in parts_of.items()
        if name[:1] in "[({" or any(part in known or counts[part] > 1 for part in parts)
    ]


def _fractions(class_names: Sequence[str]) -> list[str]:
    """Return the numbers that are not whole, if most names are numbers."""
    numbers = [name for name in class_names if _NUMBER.fullmatch(name.strip())]
    values = {name: float(name.replace(",", ".")) for name in numbers}
    odd = [name for name, value in values.items() if math.modf(value)[0]]
    return odd if len(odd) > 1 and 2 * len(numbers) > len(class_names) else []


def _key(name: str) -> str:
    text = unicodedata.normalize("NFKC", name).casefold()
    text = "".join(letter for letter in text if unicodedata.category(letter) not in ("Cf", "Cc")).strip()
    if _NUMBER.fullmatch(text):
        number = _EXACT.create_decimal(text.replace(",", "."))
        return str(_EXACT.plus(_EXACT.normalize(number))) if number.is_finite() else text
    return re.sub(r"[\s_-]+", "", text) if any(map(str.isalpha, text)) else re.sub(r"\s+", "", text)


def _shown(group: list[str]) -> list[str]:
    same = len({unicodedata.normalize("NFC", name) for name in group}) < len(group)
    return [ascii(name) if same or not name.isprintable() else repr(name) for name in group]


def _difference(group: list[str]) -> str:
    if all(_NUMBER.fullmatch(name.strip()) for name in group):
        return "the way of writing a number"
    if len({unicodedata.normalize("NFC", name) for name in group}) == 1:
        return "Unicode form (NFC and NFD)"
    return "case, blanks, hyphens or Unicode form"


def class_labels(values: npt.NDArray[Any], class_names: Sequence[str], what: str) -> list[str | None]:
    """Convert numeric or text labels to class names.

    Args:
        values: [N] or [N, 1] whole numbers (negative: unlabeled), booleans, or text (empty: unlabeled).
        class_names: Names of class 0, 1, …; empty: the number is the name.
        what: Name of the labels for error messages.

    Raises:
        DataError: If a label has no name, or the values can't be class labels.
    """
    values = np.asarray(values)
    if values.ndim == 2 and values.shape[1] == 1:  # as CIFAR's and MedMNIST's files have them
        values = values[:, 0]
    if values.ndim == 2 and values.dtype.kind in "biuf":
        raise DataError(f"Received {what} of shape {values.shape}; {_vector_hint(values)}")
    if values.ndim != 1 or values.dtype.kind not in "biufUS":
        raise DataError(
            f"Received {what} of type {values.dtype} and shape {values.shape}; "
            "expected one whole number or one text per image."
        )
    if values.dtype.kind in "SU":
        return _of_texts(values, class_names, what)
    if values.dtype.kind == "f":
        odd = ~np.isfinite(values) | (values != np.rint(values))
        if odd.any():
            first = int(np.argmax(odd))
            raise DataError(
                f"Received {what} with {values[first]:g} for image {first}; expected whole numbers or text. "
                "Figures such as scores are no classes; write -1 where the class is unknown."
            )
    if class_names and values.size and values.max() >= len(class_names):
        raise DataError(
            f"Received {what} up to {int(values.max())}, but {len(class_names)} class_names; "
            "name every class, from 0 on, or none."
        )
    unique, positions = np.unique(values, return_inverse=True)
    found = [_name(int(value), class_names) for value in unique]
    return [found[position] for position in positions.tolist()]


def _of_texts(values: npt.NDArray[Any], class_names: Sequence[str], what: str) -> list[str | None]:
    texts = values.tolist()
    if values.dtype.kind == "S":
        try:
            texts = [value.decode("utf-8") for value in texts]
        except UnicodeDecodeError as error:
            raise DataError(f"Received {what}, which are not UTF-8: {error}. Save them as text.") from error
    require_known(texts, class_names, f"Received {what}")
    return [text or None for text in texts]


def require_known(texts: Iterable[str], class_names: Sequence[str], what: str) -> None:
    """Refuse text labels that are not among the configured class names.

    Raises:
        DataError: If there is such a label.
    """
    unknown = next((text for text in texts if text and text not in class_names), None)
    if class_names and unknown is not None:
        raise DataError(
            f"{what} that are text, such as {unknown!r}, which is none of data.source.class_names "
            f"({', '.join(map(repr, class_names[:5]))}{', …' if len(class_names) > 5 else ''}). Those name "
            "numbers: correct them, or remove class_names."
        )


def _vector_hint(values: npt.NDArray[Any]) -> str:
    expected = "expected one class per image. "
    ones = (values == 1).sum(axis=1)
    if not np.isin(values, (0, 1)).all():
        return f"{expected}Are these scores? Save labels.argmax(axis=1) if the greatest names the class."
    if (ones == 1).all():
        return f"{expected}These are one-hot vectors: save labels.argmax(axis=1)."
    first = int(np.argmax(ones != 1))
    return (
        f"{expected}Image {first} has {ones[first]} ones: these are multi-hot vectors, and several labels "
        "for one image (multi-label) are not supported."
    )


def _name(value: int, class_names: Sequence[str]) -> str | None:
    if value < 0:
        return None
    return class_names[value] if class_names else str(value)
