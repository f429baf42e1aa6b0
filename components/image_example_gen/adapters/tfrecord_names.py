"""What the names of TFRecord files tell: splits, parts that are missing, several data sets."""

import collections
import posixpath
import re
from collections.abc import Sequence

from tfx_contrastive.components.examples import names
from tfx_contrastive.components.examples.records import UNSPLIT

_PART = re.compile(r"(?P<before>.*?)[-_.]?(?P<number>\d+)-of-(?P<total>\d+)(?P<after>.*)")
_TFDS = re.compile(r"(?P<data_set>.+)-(?P<split>[^-]+)\.tfrecord\b.*")


def split_of(relative: str) -> str:
    """The split that a directory states, the innermost first (also `Split-<name>`), or the file's name."""
    *directories, name = relative.split("/")
    stated = (names.split_of(directory) for directory in reversed(directories))
    return next(filter(None, stated), None) or names.split_in_file_name(name) or UNSPLIT


def warnings(relatives: Sequence[str]) -> list[str]:
    """Names parts that are not there (`train-00001-of-00003`), and several data sets beside each other.

    Args:
        relatives: Paths of the files, with forward slashes.
    """
    return [*_missing_parts(relatives), *_several_sets(relatives)]


def _missing_parts(relatives: Sequence[str]) -> list[str]:
    parts: dict[tuple[str, str, str], set[int]] = collections.defaultdict(set)
    for relative in relatives:
        directory, name = posixpath.split(relative)
        if match := _PART.fullmatch(name):
            before = posixpath.join(directory, match["before"])
            parts[before, match["total"], match["after"]].add(int(match["number"]))
    missing = [
        f"{before}-{number:0{len(total)}}-of-{total}{after}"
        for (before, total, after), found in sorted(parts.items())
        if int(total) < 1_000_000
        for number in sorted(set(range(int(total))) - found)
    ]
    if not missing:
        return []
    verb = "is" if len(missing) == 1 else "are"
    return [
        f"{names.listed(missing, 3)} {verb} not there: by the names of the files beside, records are missing"
    ]


def _several_sets(relatives: Sequence[str]) -> list[str]:
    """Data sets as TensorFlow Datasets names them, or one in several versions."""
    found = collections.defaultdict(set)
    for relative in relatives:
        directory, name = posixpath.split(relative)
        if (match := _TFDS.fullmatch(name)) and names.split_of(match["split"]):
            found[match["data_set"]].add(directory)
    versions = {name: places for name, places in found.items() if len(places) > 1}
    if len(found) > 1:
        return [
            f"the data sets {names.listed(sorted(found))} are read as one; let data.source.path name the "
            "directory of one of them if that is not meant"
        ]
    return [
        f"the data set {name} is in several directories, {names.listed(sorted(places))}, which are read as "
        "one; are they versions? Then let data.source.path name one of them"
        for name, places in versions.items()
        if not any(split_of(f"{place}/x") for place in places)
    ]
