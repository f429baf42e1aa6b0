"""Class names that are probably not meant as they stand. Nothing is merged or dropped: a user is told."""

import collections
import re
import unicodedata
from collections.abc import Iterable

from components.image_example_gen import names

_MISSING = names.words("nan none null nil n/a na #n/a <na> nat undefined - ? . #value! #ref!")
_NUMBER = re.compile(r"[+-]?\d+([.,]\d*)?(e[+-]?\d+)?", re.IGNORECASE)


def warnings(class_names: Iterable[str]) -> list[str]:
    """Names equal but for case, blanks, Unicode form or the way of writing a number, or standing for none.

    Args:
        class_names: The classes of a source.

    Returns:
        One sentence for each group of names.
    """
    groups = collections.defaultdict(list)
    for name in sorted(set(class_names)):
        groups[_key(name)].append(name)
    found = [
        f"the classes {' and '.join(_shown(group))} differ only in {_difference(group)}; they stay apart: "
        "give them one name if they are one class"
        for group in groups.values()
        if len(group) > 1
    ]
    missing = [name for group in groups.values() for name in group if name.strip().casefold() in _MISSING]
    if missing:
        found.append(
            f"the class {', '.join(map(repr, missing))} looks like a missing label, but counts as a class; "
            "leave the label empty where it is unknown"
        )
    return found


def _key(name: str) -> str:
    text = unicodedata.normalize("NFKC", name).casefold()
    text = "".join(letter for letter in text if unicodedata.category(letter) not in ("Cf", "Cc")).strip()
    if _NUMBER.fullmatch(text):
        return repr(float(text.replace(",", ".")))
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
