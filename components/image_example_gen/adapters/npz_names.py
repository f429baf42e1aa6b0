"""Which arrays of a NumPy archive are images and which are their labels, told by names and shapes."""

import dataclasses
import re
from collections.abc import Mapping, Sequence

from tfx_contrastive.components.examples import names
from tfx_contrastive.components.examples.records import UNSPLIT
from tfx_contrastive.contract.errors import DataError
from tfx_contrastive.contract.examples import SPLITS

_IMAGE_WORDS = ("x", "images", "image", "imgs", "img", "data", "pixels")
_LABEL_WORDS = ("y", "labels", "label", "targets", "target")
_POSITIONAL = re.compile(r"arr_\d+")
EXPECTED = (
    "expected images and labels, x_train, y_train, x_test, y_test (and x_val, y_val), or the same under "
    "names such as train_images and train_labels, X and y, data and target"
)


@dataclasses.dataclass(frozen=True)
class Pair:
    """Images and their labels.

    Attributes:
        images: Name of the array of images.
        labels: Name of the array of labels; None without one.
        split: The split of all of them.
    """

    images: str
    labels: str | None
    split: str


def find_pairs(shapes: Mapping[str, tuple[int, ...]], path: str) -> list[Pair]:
    """Finds the arrays by name; two unnamed ones (`arr_0`, `arr_1`) by their shapes.

    Args:
        shapes: Name -> shape of every array.
        path: The archive, for errors.

    Raises:
        DataError: If there is no array of images, one that may be the labels has an unknown name, or two
            could be the same.
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
    """What a user should know of arrays that are neither images nor labels."""
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
    """The split that a name states beside one of the words; None without one of the words."""
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
