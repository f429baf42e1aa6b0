"""The meaning of the directories of an image folder: wrappers, splits, classes, groups of classes."""

import collections
import dataclasses
from collections.abc import Iterable, Mapping, Sequence, Set

from tfx_contrastive.components.examples import names
from tfx_contrastive.components.image_example_gen.adapters import layout_clues
from tfx_contrastive.components.image_example_gen.adapters.layout_clues import Parts
from tfx_contrastive.contract.errors import DataError
from tfx_contrastive.contract.examples import TRAIN

from ..records import UNSPLIT


@dataclasses.dataclass(frozen=True)
class Layout:
    """The meaning of the paths of images.

    Attributes:
        places: Split and class name (None: unlabeled) of each path.
        wrapper: Directories around everything, which mean nothing.
        warnings: Warnings about how the folder was read, one sentence each.
    """

    places: tuple[tuple[str, str | None], ...]
    wrapper: Parts
    warnings: tuple[str, ...] = ()


def read_layout(relatives: Sequence[str], others: Sequence[str], choice: str, what: str) -> Layout:
    """Find split and class of each image by its path.

    Args:
        relatives: Paths of the images, with forward slashes.
        others: Paths of the files that are no images by their names.
        choice: Meaning of the top directories: `auto`, `classes`, `splits` or `groups`.
        what: Name of the folder for error messages.

    Raises:
        DataError: If the directories can be read in several ways, or in none.
    """
    paths: list[Parts] = [tuple(relative.split("/")) for relative in relatives]
    wrapper = layout_clues.around(paths, choice)
    paths = layout_clues.without_all(paths, wrapper)
    reader = _Reader(paths, others, what)
    splits = reader.splits(choice)
    if splits is not None:
        rests = [path[1:] if path[0] in splits and len(path) > 1 else path for path in paths]
        of = [splits.get(path[0], UNSPLIT) if len(path) > 1 else UNSPLIT for path in paths]
        around = layout_clues.around_splits(layout_clues.directories(paths), splits)
        rests = [
            layout_clues.without(rest, around.get(path[0], ()))
            for rest, path in zip(rests, paths, strict=True)
        ]
    elif choice == "auto" and (inner := layout_clues.splits_below_classes(paths)):
        rests = [(path[0], *path[2:]) for path in paths]
        of = [inner[path[1]] for path in paths]
    else:
        rests, of = paths, [UNSPLIT] * len(paths)
    if choice == "groups":
        rests = [path[1:] if len(path) > 2 else path for path in rests]
    elif choice == "auto":
        rests = layout_clues.without_labeled(rests, of)
        reader.refuse_groups(rests)
    places = tuple((split, _label(rest)) for split, rest in zip(of, rests, strict=True))
    reader.judge(places, choice)
    return Layout(places, wrapper, tuple(reader.warnings))


def _label(path: Parts) -> str | None:
    return path[0] if len(path) > 1 and not names.is_unlabeled(path[0]) else None


class _Reader:
    """Decides on the meaning of the top directories of a folder, and collects warnings."""

    def __init__(self, paths: Sequence[Parts], others: Sequence[str], what: str):
        self._paths = paths
        self._others = others
        self._what = what
        self._tops = layout_clues.directories(paths)
        self.warnings: list[str] = []

    def splits(self, choice: str) -> dict[str, str] | None:
        """Return top directory -> split; None if the top directories are not splits.

        Raises:
            DataError: If they have names of splits, but can't be splits.
        """
        if choice in ("classes", "groups"):
            return None
        named = names.splits_of(self._tops)
        unknown = [top for top in self._tops if top not in named and not names.is_unlabeled(top)]
        classes = {top: set(layout_clues.directories(self._tops[top])) for top in named}
        learnt = {name for top, split in named.items() if split == TRAIN for name in classes[top]}
        if choice == "splits":
            if unknown or TRAIN not in named.values():
                raise self._error(
                    f"as the configuration says (data.source.layout: splits), with the directories "
                    f"{_quoted(self._tops)}; expected train/, and perhaps eval/, test/ and unlabeled/"
                )
        elif not named:
            return None
        elif unknown:
            self._some_are_splits(named, unknown, learnt)
            return None
        elif not learnt:
            raise self._no_classes_to_learn(named, classes)
        self._warn_of_doubles(named)
        return named

    def _some_are_splits(self, named: dict[str, str], unknown: Sequence[str], learnt: Set[str]) -> None:
        """Decide on directories of which only some have names of splits: a class may be called `train`."""
        if learnt:
            raise self._error(
                f"with {_quoted(named)}, named like splits, beside {_quoted(unknown)}; expected splits only, "
                f"or classes only. Move {_quoted(unknown)} elsewhere, or write data.source.layout: "
                "classes if all of them are classes"
            )
        what = ("is read as a class, as it stands", "it is a split")
        if len(named) > 1:
            what = ("are read as classes, as they stand", "they are splits")
        self.warnings.append(
            f"{_quoted(named)} {what[0]} beside {_quoted(unknown)}; if {what[1]}, put the classes into "
            "train/<class>/"
        )

    def _no_classes_to_learn(self, named: dict[str, str], classes: dict[str, set[str]]) -> DataError:
        if any(classes.values()):
            return self._error(
                f"with {_quoted(named)}, but without train/; expected train/<class>/… beside them. Write "
                "data.source.layout: groups to learn from these images, split by hash, or classes if these "
                "are the classes"
            )
        hint = layout_clues.annotations(self._paths, self._others) or layout_clues.table(self._others)
        return self._error(
            f"with {_quoted(named)}, named like splits, whose images lie in no class directories; expected "
            f"train/<class>/…. {hint}Write data.source.layout: splits if the images have no labels, "
            "classes if these are the classes, or a CSV manifest (kind: csv_manifest) with path, label and "
            "split if the labels stand elsewhere"
        )

    def _warn_of_doubles(self, named: dict[str, str]) -> None:
        by_split = collections.defaultdict(list)
        for top, split in sorted(named.items()):
            by_split[split].append(top)
        self.warnings += [
            f"{_quoted(tops)} are read as one split, {split}"
            for split, tops in by_split.items()
            if len(tops) > 1
        ]

    def refuse_groups(self, paths: Sequence[Parts]) -> None:
        """Stop if the directories that would be classes all hold the same directories.

        Raises:
            DataError: If they do.
        """
        tops = {
            top: below
            for top, below in layout_clues.directories(paths).items()
            if not names.is_unlabeled(top)
        }
        inside = (
            layout_clues.without_all(below, layout_clues.around(below, "classes")) for below in tops.values()
        )
        inner = [found for each in inside if len(found := set(layout_clues.directories(each))) > 1]
        if len(inner) < 2 or 2 * len(inner) < len(tops):
            return
        shared, all_names = set.intersection(*inner), set.union(*inner)
        if len(shared) >= 2 and 2 * len(shared) >= len(all_names):
            raise self._error(
                f"whose directories {_quoted(tops)} all hold the same ones, {_quoted(shared)}; expected one "
                f"directory for each class. Write data.source.layout: groups if {_quoted(shared)} are the "
                f"classes, or classes if {_quoted(tops)} are; or let data.source.path name one of them. If "
                "they are splits, call them train/, eval/ and test/"
            )
        self._warn_of_inner(tops)

    def _warn_of_inner(self, tops: Mapping[str, Sequence[Parts]]) -> None:
        """Warn of classes that hold several directories, which may be the intended classes."""
        inner = {top: sorted(layout_clues.directories(below)) for top, below in tops.items()}
        deep = sorted(top for top, below in inner.items() if len(below) > 1)
        if len(deep) > 1 and 2 * len(deep) >= len(tops):
            below = [f"{top}/{name}" for top in deep for name in inner[top]]
            self.warnings.append(
                f"the classes are {_quoted(tops)}, and the directories in them, {_quoted(below)}, count for "
                "them; if those are the classes, write data.source.layout: groups"
            )

    def judge(self, places: Sequence[tuple[str, str | None]], choice: str) -> None:
        """Warn of files beside the images, and refuse directories that are no classes.

        Raises:
            DataError: If annotation files hold the labels, or the directories hold parts of images.
        """
        labels = {label for _, label in places if label is not None}
        if choice != "auto":
            return
        if (
            labels
            and not any(split for split, _ in places)
            and (lists := layout_clues.split_lists(self._others))
        ):
            self.warnings.append(
                f"{names.listed(lists)} may tell which images are of train and test, and are not read: kind: "
                "csv_manifest reads splits from a column split"
            )
        if masks := layout_clues.parts_of_images(self._paths):
            self.warnings.append(
                f"{len(masks):,} files are called like masks or thumbnails of the images beside them, such "
                f"as {masks[0]}, and count as images; take them away if they are none"
            )
        if parts := layout_clues.parts_of_a_set(labels, self._others):
            raise self._error(
                f"with the directories {_quoted(labels)}: {parts}. Let data.source.path name the one that "
                "holds the classes, write a CSV manifest (kind: csv_manifest) with path and label of the "
                "images, or data.source.layout: classes if they are classes"
            )
        found = layout_clues.annotations(self._paths, self._others) if len(labels) < 2 else ""
        if not found and len(labels) == 1:
            found = layout_clues.table(self._others)
        if found:
            what = (
                f"has one class directory only, {_quoted(labels)}" if labels else "has no class directories"
            )
            raise self._error(
                f"which {what}. {found}Write a CSV manifest (kind: csv_manifest) "
                "with path and label, or data.source.layout: classes to read the images without those files"
            )
        if not labels and (found := layout_clues.table(self._others)):
            self.warnings.append(f"{found}kind: csv_manifest reads labels from a CSV file".strip())

    def _error(self, text: str) -> DataError:
        return DataError(f"Received {self._what}, {text}.")


def _quoted(tops: Iterable[str]) -> str:
    return names.listed([f"{top}/" for top in sorted(tops)])
