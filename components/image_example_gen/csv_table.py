"""Read manifests and labels files, CSV files in many dialects: encoding, separator, names of columns."""

import collections
import csv
import dataclasses
import difflib
import hashlib
import io
import re
from collections.abc import Mapping, Sequence

from tfx_contrastive.components.examples import file_formats, names
from tfx_contrastive.contract import files
from tfx_contrastive.contract.errors import DataError

# Role of a column -> its usual names, folded; the names of an earlier group are preferred.
PATH, LABEL, SPLIT, GROUP = "path", "label", "split", "group"
USUAL: Mapping[str, Sequence[frozenset[str]]] = {
    PATH: (
        names.words("path"),
        names.words(
            "filepath imagepath imgpath filename file files image images img imagefile imgfile imagefilename "
            "imagename imgname fname relativepath relpath fullpath photo picture source src"
        ),
        names.words("imageid imgid id fileid uuid name"),
    ),
    LABEL: (
        names.words("label"),
        names.words("class classname classlabel labelname labels target category categoryname y groundtruth"),
        names.words("classid labelid categoryid classindex labelindex targetid"),
    ),
    SPLIT: (names.words("split"), names.words("subset partition datasplit dataset set usage phase")),
    GROUP: (names.words("group"), names.words("scene patient patientid subject subjectid series")),
}
_LIKE_A_GROUP = re.compile("group|scene|patient|subject|series|burst|session|study|lesion|sequence")
_IS_SPLIT = re.compile(r"is(train|training|val|valid|validation|test|testing)\w*")
_SEPARATORS = ",;\t|"
_SNIFFED_ROWS = 50
_SNIFFED_CHARACTERS = 100_000


@dataclasses.dataclass(frozen=True)
class Table:
    """The rows of a file.

    Attributes:
        what: Name of the file for error messages, with its path.
        columns: Names in the first line.
        rows: Line number and fields of each row that is not empty; as many fields as columns.
        digest: SHA-256 of the file, hex.
    """

    what: str
    columns: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    digest: str

    def column(self, role: str, configured: str | None = None, key: str = "") -> int | None:
        """Return the position of the column with a role; None if there is none.

        Args:
            role: `path`, `label`, `split` or `group`.
            configured: Name of the column in the configuration.
            key: The configuration key that can name the column; empty if there is none.

        Raises:
            DataError: If several columns may be meant, or the configured one is missing.
        """
        if configured is not None:
            found = [i for i, name in enumerate(self.columns) if name == configured]
            found = found or [
                i for i, name in enumerate(self.columns) if names.folded(name) == names.folded(configured)
            ]
            if len(found) != 1:
                raise DataError(
                    f"Received {key}: {configured} and {self.what}, which has "
                    f"{'several such columns' if found else 'no such column'}; it has {self.listed}."
                )
            return found[0]
        for usual in USUAL[role]:
            found = [i for i, name in enumerate(self.columns) if names.folded(name) in usual]
            if len(found) > 1:
                several = " and ".join(repr(self.columns[i]) for i in found)
                is_one_name = len({self.columns[i] for i in found}) < len(found)
                remedy = f"Write {key}: {self.columns[found[0]]}, or" if key else "Rename or remove one:"
                if is_one_name or names.folded(self.columns[found[0]]) == role:
                    raise DataError(
                        f"Received {self.what}, in which the columns {several} may all hold the {role}; "
                        "expected one. Rename or remove the other."
                    )
                raise DataError(
                    f"Received {self.what}, in which the columns {several} may all hold the {role}. {remedy} "
                    f"a column called {role} counts first."
                )
            if found:
                return found[0]
        return None

    @property
    def listed(self) -> str:
        """Return the columns as text, for a message."""
        text = f"the columns {names.listed([name or '(no name)' for name in self.columns], 12)}"
        pixels = sum(names.folded(name).startswith("pixel") for name in self.columns)
        return text + (" (pixels: save them as images, or as a NumPy archive)" if pixels else "")

    def values(self, column: str) -> set[str]:
        """Return the distinct values of a column, without empty ones."""
        position = self.columns.index(column)
        return {row[position] for _, row in self.rows} - {""}

    def like_a_split(self, columns: Sequence[str]) -> str | None:
        """Return the first of some columns that divides the rows as splits do."""
        for name in columns:
            if _IS_SPLIT.fullmatch(names.folded(name)):
                return name
            found = self.values(name)
            if 1 < len(found) < 10 and all(map(names.split_of, found)):
                return name
        return None

    def like_a_label(self, columns: Sequence[str]) -> str | None:
        """Return the first of some columns with few values, each in many rows."""
        return next((n for n in columns if n and 1 < len(self.values(n)) <= len(self.rows) // 3), None)

    def like_a_group(self, columns: Sequence[str]) -> str | None:
        """Return the first of some columns whose name says that images belong together."""
        return next((name for name in columns if _LIKE_A_GROUP.search(names.folded(name))), None)

    def misspelt(self, role: str) -> str | None:
        """Return a column whose name is nearly that of a role."""
        folded = ((name, names.folded(name)) for name in self.columns)
        return next((name for name, text in folded if difflib.get_close_matches(text, [role], 1, 0.75)), None)


def read(path: str, what: str) -> Table:
    """Read a file; the separator is detected, and spaces around fields are dropped.

    Args:
        path: The file: UTF-8, or UTF-16 with a byte order mark.
        what: Name of the file for error messages.

    Raises:
        DataError: If it is no CSV file, has no first line with names, or a row has too many fields.
    """
    what = f"{what} {path}"
    data = files.read_bytes(path)
    text = _text(data, what)
    if not text.strip():
        raise DataError(f"Received {what}, which is an empty file; expected a CSV file.")
    text, skipped = _without_comments(text)
    first, _, rest = text.lstrip().partition("\n")
    separator = ""
    if first.strip().lower().startswith("sep=") and len(first.strip()) == 5:  # as Excel writes
        separator, text, skipped = first.strip()[4], rest, skipped + 1
    separator = separator or _separator(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    rows: list[tuple[int, tuple[str, ...]]] = []
    try:
        for row in reader:
            if any(field.strip() for field in row):
                rows.append((reader.line_num + skipped, tuple(field.strip() for field in row)))
    except csv.Error as error:
        begin = rows[-1][0] + 1 if rows else 1
        hint = f' Is a quote (") missing from line {begin} on?' if "field limit" in str(error) else ""
        raise DataError(f"Received {what}; line {reader.line_num + skipped}: {error}.{hint}") from error
    rows = _unquoted(rows)
    columns = tuple(name.lstrip("\ufeff#").strip(" \t'\"") for name in rows[0][1]) if rows else ()
    if not any(names.folded(name) in usual for name in columns for usual in USUAL[PATH]):
        _require_names(columns, what)
    return Table(what, columns, tuple(_fitted(rows[1:], columns, what)), hashlib.sha256(data).hexdigest())


def _without_comments(text: str) -> tuple[str, int]:
    """Remove comment lines (`# made by …`) at the top, and count them."""
    usual = frozenset().union(*(group for groups in USUAL.values() for group in groups))
    lines = text.splitlines(keepends=True)
    skipped = 0
    for line in lines:
        words = re.split(r"[,;\t|]", line.lstrip("\ufeff# "))
        if not line.lstrip("\ufeff ").startswith("#") or any(names.folded(word) in usual for word in words):
            break
        skipped += 1
    return ("".join(lines[skipped:]), skipped) if skipped else (text, 0)


def _unquoted(rows: Sequence[tuple[int, tuple[str, ...]]]) -> list[tuple[int, tuple[str, ...]]]:
    """Remove single quotes from columns in which every field has them, as SQL writes text."""
    width = min((len(row) for _, row in rows), default=0)
    quoted = {
        i
        for i in range(width)
        if len(rows) > 1 and all(row[i][:1] == row[i][-1:] == "'" != row[i] for _, row in rows[1:])
    }
    if not quoted:
        return list(rows)
    return [
        (line, tuple(field[1:-1] if i in quoted and n else field for i, field in enumerate(row)))
        for n, (line, row) in enumerate(rows)
    ]


def _fitted(
    rows: Sequence[tuple[int, tuple[str, ...]]], columns: Sequence[str], what: str
) -> list[tuple[int, tuple[str, ...]]]:
    """Return rows with one field per column: missing fields become empty, surplus empty fields are dropped.

    Raises:
        DataError: If a row has too many fields that are not empty.
    """
    num_columns = len(columns)
    for line, row in rows:
        if any(row[num_columns:]):
            title = ""
            if num_columns == 1 and len(rows) > 1:
                title = " Is the first line a title? Then delete it: the names of the columns come first."
            raise DataError(
                f"Received {what}; line {line} has more fields than the first line, {len(row)} instead of "
                f"{num_columns}; expected one for each column, with quotes around a field that holds the "
                f"separator.{title}"
            )
    return [(line, (*row[:num_columns], *[""] * (num_columns - len(row)))) for line, row in rows]


def _require_names(columns: Sequence[str], what: str) -> None:
    """Refuse a first line that is already a row."""
    if any(names.is_image_name(name) for name in columns):
        roles: list[str] = []
        for name in columns:
            role = PATH if names.is_image_name(name) else SPLIT if names.split_of(name) else LABEL
            roles.append(role if role not in roles else f"column{len(roles)}")
        header = ",".join(roles)
        raise DataError(
            f"Received {what}, whose first line is no line of names, but a row: {', '.join(columns)}; "
            f"expected the names of the columns first. Write {header} above it."
        )


def _separator(text: str) -> str:
    """Return the separator that gives the most usual column names, and rows of equal length."""
    lines = [line for line in text[:_SNIFFED_CHARACTERS].splitlines() if line.strip()][:_SNIFFED_ROWS]
    usual = frozenset().union(*(group for groups in USUAL.values() for group in groups))
    ranked = []
    for position, separator in enumerate((*_SEPARATORS, " ")):
        try:
            rows = list(csv.reader(lines, delimiter=separator, skipinitialspace=True))
        except csv.Error:
            continue
        widths = collections.Counter(map(len, rows))
        if not rows or len(rows[0]) < 2:
            continue
        if separator == " " and (len(widths) > 1 or not all(names.is_image_name(row[0]) for row in rows[1:])):
            continue  # blanks within names, not between columns
        known = sum(names.folded(name.lstrip("#")) in usual for name in rows[0])
        ranked.append((known, widths[len(rows[0])] / len(rows), -position, separator))
    return max(ranked)[3] if ranked else ","


def _text(data: bytes, what: str) -> str:
    encoding = "utf-8-sig"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif data[1:200:2] and not any(data[1:200:2]):
        encoding = "utf-16-le"
    elif data[0:200:2] and not any(data[0:200:2]):
        encoding = "utf-16-be"
    kind = file_formats.name_format(data[: file_formats.HEAD_BYTES])
    try:
        text = data.decode(encoding)
        if "\0" in text and kind in (None, "text"):
            line = text.count("\n", 0, text.index("\0")) + 1
            kind = f"damaged: line {line:,} holds a zero byte, as half-written files do"
        if "\0" not in text and not text.lstrip("\ufeff \t\r\n").startswith(("{", "[", "<")):
            return text.removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        if kind in (None, "text"):
            line, wrong = data.count(b"\n", 0, error.start) + 1, data[error.start : error.start + 1].hex()
            raise DataError(
                f"Received {what}, which is not UTF-8: line {line} holds the byte 0x{wrong}, as Latin-1 and "
                "Windows-1252 have it. Save it as UTF-8 (Excel: CSV UTF-8; iconv -f latin1 -t utf-8)."
            ) from error
    if data.startswith(b"PK") and b"xl/" in data:
        kind = "an Excel workbook"
    raise DataError(
        f"Received {what}, which is {kind or 'no text'}; expected a CSV file. Save it as CSV (UTF-8)."
    )
