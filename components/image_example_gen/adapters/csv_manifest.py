"""Read a CSV file that lists images with their labels, splits and groups."""

import dataclasses
import functools
import os
from collections.abc import Iterator, Mapping, Sequence, Set

from tfx_contrastive.components.examples import names
from tfx_contrastive.components.image_example_gen.adapters import source_files
from tfx_contrastive.components.image_example_gen.adapters.image_paths import ImagePaths, Rejection
from tfx_contrastive.components.image_example_gen.class_names import is_missing
from tfx_contrastive.components.image_example_gen.config import CsvManifestSource
from tfx_contrastive.contract import file_info
from tfx_contrastive.contract.errors import DataError

from .. import csv_table
from ..records import UNSPLIT, Content, EncodedImage, Entry, Listing, count_labels


@dataclasses.dataclass(frozen=True)
class _Manifest:
    """A manifest and the meaning of its columns.

    Attributes:
        table: The rows.
        path, label, split, group: Positions of the columns; None if there is no such column.
        warnings: Warnings about the manifest, one sentence each.
    """

    table: csv_table.Table
    path: int
    label: int | None
    split: int | None
    group: int | None
    warnings: tuple[str, ...]


class CsvManifestAdapter:
    """Reads the images that a manifest lists; an empty label means unlabeled."""

    def __init__(self, source: CsvManifestSource, max_file_bytes: int):
        self._source = source
        self._root = source.root or os.path.dirname(source.path) or "."
        self._max_file_bytes = max_file_bytes

    def listing(self) -> Listing:
        """Read the manifest, and look up the files that it names."""
        manifest, entries = self._manifest, self._entries
        found = tuple(info for _, info in entries if info)
        counted = ((entry.split, entry.label) for entry, _ in entries if entry.rejected is None)
        unusable = source_files.unusable([entry for entry, _ in entries if entry.rejected])
        if not found:
            named = (row[manifest.path] for _, row in manifest.table.rows)
            advice = ImagePaths(self._root, True).advice(named)
            unusable += f". {advice}" if advice else ""
        return Listing(
            Content(found, (manifest.table.digest,)),
            *count_labels(counted),
            warnings=manifest.warnings,
            unusable=unusable,
            grouped_by=""
            if manifest.group is None
            else f"the column {manifest.table.columns[manifest.group]!r} of the manifest",
        )

    def chunks(self, staging_dir: str, chunk_images: int) -> list[source_files.FileChunk]:
        """Group the rows in their order."""
        del staging_dir  # files are read in place
        return source_files.file_chunks([entry for entry, _ in self._entries], chunk_images)

    def read(self, chunk: source_files.FileChunk) -> Iterator[EncodedImage]:
        """Read the files of a chunk, one at a time."""
        return (source_files.read_entry(entry, self._max_file_bytes) for entry in chunk.entries)

    @functools.cached_property
    def _manifest(self) -> _Manifest:
        """Read the table, and decide what its columns mean."""
        source = self._source
        source_files.require_file(source.path, "the manifest")
        found = csv_table.read(source.path, "the manifest")
        keys = {role: f"data.source.{role}_column" for role in csv_table.USUAL}
        path = found.column(csv_table.PATH, source.path_column, keys[csv_table.PATH])
        label = found.column(csv_table.LABEL, source.label_column, keys[csv_table.LABEL])
        split = found.column(csv_table.SPLIT, source.split_column, keys[csv_table.SPLIT])
        group = self._group_column(found, keys[csv_table.GROUP])
        if path is None:
            raise DataError(
                f"Received {found.what} with {found.listed}; expected a first line with `path` and, where "
                "known, `label` and `split`. Rename a column, or let "
                f"{keys[csv_table.PATH]} name the column of the paths."
            )
        if not found.rows:
            raise DataError(f"Received {found.what}, which lists nothing; expected one row per image.")
        for role, position in ((csv_table.LABEL, label), (csv_table.SPLIT, split)):
            if position is None and (near := found.misspelt(role)):
                raise DataError(
                    f"Received {found.what} with {found.listed}; {near!r} may be meant as {role!r}. "
                    f"Write {keys[role]}: {near} if it is, and give it another name if it is not."
                )
        warnings = []
        if (
            split is not None
            and source.split_column is None
            and names.folded(found.columns[split]) != csv_table.SPLIT
        ):
            others = {row[split] for _, row in found.rows if row[split] and not names.split_of(row[split])}
            split = None if others else split
        over = [name for i, name in enumerate(found.columns) if i not in (path, label, split, group)]
        if over:
            warnings += self._passed_over(found, over, (label, split, group), keys)
        if group is not None:
            warnings += _missing_groups({row[group] for _, row in found.rows}, found.columns[group])
        return _Manifest(found, path, label, split, group, tuple(warnings))

    def _passed_over(
        self,
        found: csv_table.Table,
        over: Sequence[str],
        columns: tuple[int | None, int | None, int | None],
        keys: Mapping[str, str],
    ) -> list[str]:
        """Return warnings about columns that are not read, with those that may be meant."""
        named = [name for name in over if name]
        if not named and not any(found.values(name) for name in over):
            return []
        label, split, group = columns
        hint = ""
        divides = None if split is not None else found.like_a_split(named)
        if label is None:
            like = found.like_a_label([name for name in named if name != divides])
            hint += f"; {keys[csv_table.LABEL]}{f': {like}' if like else ''} names the column of the labels"
        if divides is not None and all(map(names.split_of, found.values(divides))):
            hint += f"; {keys[csv_table.SPLIT]}: {divides} keeps its splits"
        elif divides is not None:
            hint += f"; {divides} may tell of splits: write train, eval or test in a column split"
        if group is None and self._source.group_column is None and (like := found.like_a_group(named)):
            hint += f"; {keys[csv_table.GROUP]}: {like} keeps in one split what has the same {like}"
        what = f"the columns {names.listed(named)}" if named else "the column without a name"
        if not named and label is None:
            hint = "; call it label if it holds the labels"
        return [f"passed over {what} of the manifest{hint}"]

    def _group_column(self, found: csv_table.Table, key: str) -> int | None:
        """Return the column of groups; None if there is none, or none is wanted."""
        if self._source.group_column == "":
            return None
        try:
            return found.column(csv_table.GROUP, self._source.group_column, key)
        except DataError as error:
            if self._source.group_column is not None:
                raise
            raise DataError(f"{error} {key}: '' if none of them does.") from error

    @functools.cached_property
    def _entries(self) -> list[tuple[Entry, file_info.FileInfo | None]]:
        """Return one entry per image of the manifest; repeated rows are left out.

        Raises:
            DataError: If a row has no path or an unknown split, or two rows give one image different
                labels.
        """
        manifest = self._manifest
        paths = ImagePaths(self._root, self._source.follow_links)
        found: dict[tuple[str, str], tuple[str | None, file_info.FileInfo | None, Rejection | None]] = {}
        lines: dict[str, tuple[int, str | None]] = {}
        groups: dict[str, tuple[int, str]] = {}
        for line, row in manifest.table.rows:
            where = f"{manifest.table.what}, line {line},"
            named = row[manifest.path]
            if not named:
                raise DataError(f"Received {manifest.table.what}; line {line} has no path; expected one.")
            if "\n" in named:
                raise DataError(
                    f"Received {manifest.table.what}, in which a path goes over {named.count(chr(10)) + 1} "
                    f"lines, up to line {line}: {names.shortened(named)}; expected one path per line. Is a "
                    'quote (") missing?'
                )
            split_text = "" if manifest.split is None else row[manifest.split]
            split = names.split_of(split_text) or UNSPLIT
            if split_text and split == UNSPLIT:
                raise DataError(
                    f"Received {manifest.table.what}; line {line} has the split {split_text!r}; "
                    "expected train, eval or test, or nothing."
                )
            label = None if manifest.label is None else row[manifest.label] or None
            relative, info, rejected = paths.find(named, where)
            first, other = lines.get(relative, (line, None))
            lines[relative] = (first, other) if other is not None else (line, label)
            if other != label and other is not None and label is not None:
                raise DataError(
                    f"Received {manifest.table.what}, whose lines {first} and {line} give {named} the labels "
                    f"{other!r} and {label!r}; expected one label per image. Delete one of the lines."
                )
            if manifest.group is not None:
                self._note_group(groups, relative, (line, row[manifest.group]), manifest.table.what)
            found[relative, split] = label or other, info, rejected
        return [
            (
                Entry(
                    relative,
                    label,
                    split,
                    info.path if info else "",
                    info.size if info else -1,
                    rejected,
                    None if manifest.group is None else groups[relative][1],
                ),
                info and dataclasses.replace(info, relative=relative),
            )
            for (relative, split), (label, info, rejected) in found.items()
        ]

    def _note_group(
        self, groups: dict[str, tuple[int, str]], image: str, told: tuple[int, str], what: str
    ) -> None:
        """Record the group that a line gives an image; other lines of the image may leave it empty."""
        first, other = groups.get(image, told)
        if told[1] and other and other != told[1]:
            raise DataError(
                f"Received {what}, whose lines {first} and {told[0]} give {image} the groups {other!r} and "
                f"{told[1]!r}; expected one group per image. Delete one of the lines."
            )
        groups[image] = (first, other) if other else told


def _missing_groups(groups: Set[str], column: str) -> list[str]:
    found = sorted(filter(is_missing, groups - {""}))
    if not found:
        return []
    return [
        f"the {column} {', '.join(map(repr, found))} looks like a missing value, but counts as one group; "
        "leave it empty where there is none"
    ]
