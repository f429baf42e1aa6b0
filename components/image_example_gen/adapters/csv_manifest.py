"""A CSV file that names images, their labels and their splits."""

import csv
import dataclasses
import hashlib
import io
import os
import posixpath
from collections.abc import Iterator, Mapping

from components.image_example_gen import files, names
from components.image_example_gen.adapters import base
from components.image_example_gen.config import CsvManifestSource
from components.image_example_gen.errors import DataError
from components.image_example_gen.records import UNSPLIT, EncodedImage, Entry, Reason

_COLUMNS = ("path", "label", "split")


class CsvManifestAdapter:
    """Reads the images that a manifest lists; an empty label means that it is unknown."""

    def __init__(self, source: CsvManifestSource, max_file_bytes: int):
        self._path = source.path
        self._root = source.root or os.path.dirname(source.path) or "."
        self._max_file_bytes = max_file_bytes

    def listing(self) -> base.Listing:
        """Reads the manifest, and looks up the files that it names."""
        text, rows = self._rows()
        entries = self._entries(rows)
        digest = hashlib.sha256(text.encode()).hexdigest()
        found = tuple(info for _, info in entries if info)
        counted = ((entry.split, entry.label) for entry, _ in entries if entry.rejected is None)
        return base.Listing(base.Content(found, (digest,)), *base.count_labels(counted))

    def chunks(self, staging_dir: str, chunk_images: int) -> list[base.FileChunk]:
        """Groups the rows in their order."""
        del staging_dir  # files are read in place
        return base.file_chunks([entry for entry, _ in self._entries(self._rows()[1])], chunk_images)

    def read(self, chunk: base.FileChunk) -> Iterator[EncodedImage]:
        """Reads the files of a chunk, one at a time."""
        return (base.read_entry(entry, self._max_file_bytes) for entry in chunk.entries)

    def _rows(self) -> tuple[str, list[tuple[int, dict[str, str]]]]:
        base.require_file(self._path, "the manifest")
        try:
            text = files.read_bytes(self._path).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise DataError(f"Received the manifest {self._path}, which is not UTF-8: {error}.") from error
        reader = csv.DictReader(io.StringIO(text, newline=""))
        columns = reader.fieldnames or []
        unknown = [name for name in columns if name not in _COLUMNS]
        if "path" not in columns or unknown:
            raise DataError(
                f"Received the manifest {self._path} with the columns {', '.join(columns) or '(none)'}; "
                "expected a first line with `path` and, where known, `label` and `split`."
            )
        try:
            rows = [(reader.line_num, row) for row in reader]
        except csv.Error as error:
            raise DataError(
                f"Received the manifest {self._path}; line {reader.line_num}: {error}."
            ) from error
        if not rows:
            raise DataError(
                f"Received the manifest {self._path}, which lists nothing; expected a row an image."
            )
        return text, rows

    def _entries(self, rows: list[tuple[int, dict[str, str]]]) -> list[tuple[Entry, files.FileInfo | None]]:
        remote: Mapping[str, files.FileInfo] = {}
        if files.scheme_of(self._root):  # one listing instead of a request for each file
            remote = {info.relative: info for info in files.walk(self._root)}
        return [self._entry(line, row, remote) for line, row in rows]

    def _entry(
        self, line: int, row: dict[str, str], remote: Mapping[str, files.FileInfo]
    ) -> tuple[Entry, files.FileInfo | None]:
        if None in row or not (row.get("path") or "").strip():
            raise DataError(
                f"Received the manifest {self._path}; line {line} has "
                f"{'more fields than the first line' if None in row else 'no path'}; expected one for each "
                "column, with quotes around a field that holds a comma."
            )
        named = row["path"].strip()
        split_text = (row.get("split") or "").strip()
        split = names.split_of(split_text) or UNSPLIT
        if split_text and split == UNSPLIT:
            raise DataError(
                f"Received the manifest {self._path}; line {line} has the split {split_text!r}; "
                "expected train, eval or test, or nothing."
            )
        label = (row.get("label") or "").strip() or None
        relative, info, rejected = self._locate(named, remote)
        if info is None:
            return Entry(relative, label, split, "", -1, rejected), None
        entry = Entry(relative, label, split, info.path, info.size, rejected)
        return entry, dataclasses.replace(info, relative=relative)

    def _locate(
        self, named: str, remote: Mapping[str, files.FileInfo]
    ) -> tuple[str, files.FileInfo | None, tuple[Reason, str] | None]:
        """The path relative to the root, the file, and what is wrong with it."""
        outside = (Reason.OUTSIDE_ROOT, f"leads out of {self._root}")
        if files.scheme_of(self._root):
            relative = posixpath.normpath(named)
            if files.scheme_of(named) or relative.startswith(("../", "/")) or relative == "..":
                return named, None, outside
            info = remote.get(relative)
        else:
            root = os.path.abspath(files.local(self._root))
            path = os.path.normpath(os.path.join(root, named))
            relative = os.path.relpath(path, root).replace(os.sep, "/")
            if not files.is_inside(path, root):
                return named, None, outside
            if not files.is_inside(os.path.realpath(path), os.path.realpath(root)):
                return relative, None, (Reason.OUTSIDE_ROOT, f"a link that leads out of {self._root}")
            info = files.stat(path)
        return relative, info, None if info else (Reason.UNREADABLE, "there is no such file")
