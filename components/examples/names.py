"""Usual names of splits, images, and files beside images: one list for all sources."""

import collections
import functools
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from tfx_contrastive.contract.examples import EVAL, TEST, TRAIN


def words(text: str) -> frozenset[str]:
    """Return the words of a text that are separated by spaces."""
    return frozenset(text.split(" "))


_UNLABELED = re.compile(r"(unlabell?ed|nolabels?|notlabell?ed|withoutlabels?)(data|dataset|set|images|imgs)?")

_SPLITS: Mapping[str, str] = {
    **dict.fromkeys(("train", "training", "trn", "trainval", "traina", "trainb"), TRAIN),
    **dict.fromkeys(("eval", "evaluation", "val", "valid", "validation", "validate", "vala", "valb"), EVAL),
    **dict.fromkeys(("dev", "devel", "development"), EVAL),
    **dict.fromkeys(("test", "testing", "tst", "t10k", "holdout", "heldout", "testa", "testb"), TEST),
}
# Usual prefixes and suffixes: `training_set`, `Split-train`, `images-val`, `train2017`, `test1`.
_AROUND_SPLIT = re.compile(r"^(split|images|imgs)|(set|split|data|dataset|images|imgs|\d+)$")

_COUNTER = re.compile(r"\(?(\d{1,2}|[a-z])\)?")

IMAGE_EXTENSIONS = words(
    ".png .apng .jpg .jpeg .jpe .jfif .jfi .jif .pjpeg .pjp .mpo .bmp .dib .gif .webp .tif .tiff "
    ".heic .heif .hif .avif .jp2 .j2k .jpf .jpx .jpm .jxl .svg .svgz .ppm .pgm .pbm .pnm .ico .tga "
    ".psd .dcm .exr .hdr .dng .cr2 .cr3 .nef .arw .orf .rw2 .raf"
)

# Never images, whatever they hold; ignored and counted by kind.
OTHER_EXTENSIONS = words(
    ".txt .md .markdown .rst .rtf .tex .bib .pdf .doc .docx .odt .ppt .pptx .csv .tsv .xls .xlsx .ods "
    ".json .jsonl .ndjson .geojson .xml .yaml .yml .toml .ini .cfg .conf .properties .html .htm .css "
    ".js .py .pyc .ipynb .r .m .mat .pkl .pickle .npy .npz .h5 .hdf5 .pt .pth .ckpt .safetensors "
    ".onnx .pb .pbtxt .tflite .db .sqlite .sqlite3 .mdb .lmdb .log .sh .bat .cmd .ps1 .exe .dll .so "
    ".zip .tar .gz .tgz .bz2 .xz .zst .7z .rar .md5 .sha1 .sha256 .sha512 .crc .sig .asc .url .lnk "
    ".webloc .torrent .cls .mp4 .avi .mov .mkv .webm .mp3 .wav .parquet .arrow .feather .tfrecord "
    ".tfrecords .names .cache .lock .bak .xmp .aae .thm .nfo .info"
)
_DOCUMENTS = words(
    "readme license licence copying copyright notice authors contributors changelog citation manifest "
    "version install todo makefile dockerfile checksums md5sums sha256sums success"
)
_SYSTEM_FOLDERS = words(
    "__macosx @eadir @recycle @recently-snapshot #recycle #snapshot $recycle.bin "
    "lost+found __pycache__ .ipynb_checkpoints .trashes .spotlight-v100 .fseventsd .temporaryitems "
    ".documentrevisions-v100 .appledouble .snapshot .git .svn .hg .dvc recycler recycled @tmp @sharebin"
) | {"system volume information", "network trash folder", "temporary items"}
_SYSTEM_FILES = words(
    "thumbs.db ehthumbs.db ehthumbs_vista.db desktop.ini picasa.ini .picasa.ini .ds_store .directory "
    ".localized .apdisk .volumeicon.icns icon\r zbthumbnail.info zone.identifier"
)
# Alternate data streams of Windows, as WSL and NAS boxes copy them: `photo.jpg:Zone.Identifier`.
_STREAM = re.compile(r".:(zone\.identifier|encryptable|com\.dropbox\.[a-z.]+|afp_\w+|\$data)$", re.IGNORECASE)


def split_of(name: str) -> str | None:
    """Return the split that a name states; None if it states none.

    Case, spaces, `-`, `_` and `.` don't count: `Training Set`, `test_set`, `Split-eval` and `val2017` are
    split names.

    Args:
        name: Name of a directory or an array, or a value of a manifest's column.
    """
    text = folded(name)
    while text not in _SPLITS:
        shorter = _AROUND_SPLIT.sub("", text, count=1)
        if shorter == text:
            return None
        text = shorter
    return _SPLITS[text]


def splits_of(directories: Iterable[str]) -> dict[str, str]:
    """Return the split of each directory whose name states one.

    A name with the split before or after another word, such as `seg_train`, counts only if the same word
    stands with `train` and with another split, because one alone may be a class. The same holds for a
    number or a letter before the split, such as `1. Train` and `2. Test`.
    """
    found: dict[str, str] = {}
    pairs: dict[tuple[str, int], dict[str, str]] = collections.defaultdict(dict)
    for name in directories:
        parts = [part for part in re.split(r"[-_.\s]+", name.casefold()) if part]
        if split := split_of(name):
            found[name] = split
        elif len(parts) > 1 and (split := split_of("".join(parts[1:]))) and _COUNTER.fullmatch(parts[0]):
            pairs["counted", 0][name] = split
        elif len(parts) > 1 and (split := split_of(parts[-1])):
            pairs["-".join(parts[:-1]), -1][name] = split
        elif len(parts) > 1 and (split := split_of(parts[0])):
            pairs["-".join(parts[1:]), 0][name] = split
    for named in pairs.values():
        if TRAIN in named.values() and len(set(named.values())) > 1:
            found |= named
    return found


def split_in_file_name(name: str) -> str | None:
    """Return the split that is part of a file's name, such as `mnist-train.tfrecord-00000-of-00004`.

    The part before `.tfrecord` counts first, as TensorFlow Datasets writes it. Otherwise it is the last
    part that names a split, if no other part names another one.
    """
    stem = re.split(r"\.tfrecords?\b|\.idx|\.gz$", name, maxsplit=1, flags=re.IGNORECASE)[0]
    parts = [part for part in re.split(r"[-_.\s]+", stem) if part]
    found = [split for part in parts if (split := split_of(part))]
    if not found or (split_of(parts[-1]) is None and len(set(found)) > 1):
        return None
    return found[-1]


def is_unlabeled(name: str) -> bool:
    """Return whether a directory's name says that its images have no label."""
    return _UNLABELED.fullmatch(folded(name)) is not None


@functools.lru_cache(maxsize=4096)  # of a class, for every image in it
def folded(name: str) -> str:
    """Return a name without case, spaces, quotes and the usual separators, in one Unicode form."""
    text = unicodedata.normalize("NFC", name.replace("\ufeff", "")).casefold()
    return re.sub(r"[\s_.\-\"'`]+", "", text)


def extension(name: str) -> str:
    """Return the extension of a file's name, in lower case and with its dot; empty if it has none."""
    return os.path.splitext(name)[1].lower()


def is_image_name(name: str) -> bool:
    """Return whether a name has the extension of an image."""
    return extension(name) in IMAGE_EXTENSIONS


@functools.lru_cache(maxsize=4096)
def is_hidden(name: str) -> bool:
    """Return whether the name is that of a hidden or system file or directory, which is not data."""
    lower = name.lower()
    return (
        name.startswith((".", "~$"))
        or lower in _SYSTEM_FOLDERS
        or lower in _SYSTEM_FILES
        or _STREAM.search(name) is not None
    )


def passed_over(relative: str) -> tuple[str, str] | None:
    """Tell why a file can't be an image, from its name alone.

    Args:
        relative: Path with forward slashes.

    Returns:
        The kind of file, in the plural, and the path to count (a hidden directory counts once). None for
        a file that may be an image: then its content decides, and a bad one goes to the quarantine.
    """
    directory, _, name = relative.rpartition("/")
    if directory and (found := _hidden_directory(directory)):
        return found
    if is_hidden(name):
        return _hidden_kind(name), relative
    ending = extension(name)
    if ending in IMAGE_EXTENSIONS:
        return None
    if ending in OTHER_EXTENSIONS:
        return f"{ending} files", relative
    return ("documents", relative) if folded(os.path.splitext(name)[0]) in _DOCUMENTS else None


@functools.lru_cache(maxsize=4096)
def _hidden_directory(directory: str) -> tuple[str, str] | None:
    """Return kind and path of the outermost hidden directory of a path, if there is one."""
    parts = directory.split("/")
    for position, part in enumerate(parts):
        if part not in (".", "..") and is_hidden(part):
            return _hidden_kind(part), "/".join(parts[: position + 1])
    return None


def _hidden_kind(name: str) -> str:
    lower = name.lower()
    if lower in _SYSTEM_FOLDERS:
        return "system folders"
    if lower in _SYSTEM_FILES or lower.startswith(("._", ".trash-", "~$")) or _STREAM.search(name):
        return "system files"
    return "hidden files"


def count_kinds(found: Iterable[tuple[str, str] | None]) -> dict[str, int]:
    """Count the results of `passed_over` by kind; a hidden directory counts once."""
    return dict(sorted(collections.Counter(kind for kind, _ in {each for each in found if each}).items()))


def listed(items: Sequence[object], shown: int = 5) -> str:
    """Return the first few items as text, for a message."""
    return ", ".join(map(str, items[:shown])) + (
        f" and {len(items) - shown:,} more" if len(items) > shown else ""
    )


def shortened(text: str, shown: int = 120) -> str:
    """Return a text from a user's data on one line, without its middle if it is long."""
    plain = on_one_line(text)
    if len(plain) <= shown:
        return plain
    return f"{plain[: shown // 2]}…{plain[-shown // 2 :]}"


def on_one_line(text: str) -> str:
    """Return a text with line breaks and other unprintable characters escaped as in Python."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
