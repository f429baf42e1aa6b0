"""Data sets that need no path: scikit-learn's digits, and Fashion-MNIST (downloaded if need be)."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tfx_contrastive.components.image_example_gen.adapters import arrays, idx
from tfx_contrastive.components.image_example_gen.config import DigitsSource, FashionMnistSource, IdxSource
from tfx_contrastive.contract import file_info, files
from tfx_contrastive.contract.errors import DataError, DownloadError

from ..records import UNSPLIT, ArrayBatch, Content, Listing, count_labels

_DIGITS_WHITE = 16  # scikit-learn's digits have 17 levels of gray


class DigitsAdapter:
    """Reads the digits; class names are `0` to `9`."""

    def __init__(self, source: DigitsSource, max_file_bytes: int):
        del source, max_file_bytes  # the data set is fixed, of 115 kB

    def listing(self) -> Listing:
        """Count the labels."""
        pixels, labels = _load_digits()
        return Listing(
            Content((), (pixels.tobytes().hex(), *labels)),
            *count_labels((UNSPLIT, label) for label in labels),
        )

    def chunks(self, staging_dir: str, chunk_images: int) -> list[arrays.ArrayPart]:
        """Write the pixels to a file that a worker can read."""
        pixels, labels = _load_digits()
        path = os.path.join(staging_dir, "digits.raw")
        files.write_bytes(path, pixels.tobytes())
        part = arrays.ArrayPart("digits", UNSPLIT, path, 0, "uint8", pixels.shape, labels)
        return arrays.divide(part, chunk_images)

    def read(self, chunk: arrays.ArrayPart) -> ArrayBatch:
        """Read a part of the array."""
        return arrays.read(chunk)


def _load_digits() -> tuple[npt.NDArray[Any], list[str]]:
    """Return pixels as uint8 [1797, 8, 8], and the class names."""
    from sklearn import datasets

    bunch = datasets.load_digits()
    pixels = np.rint(bunch.images * (255 / _DIGITS_WHITE)).astype(np.uint8)
    return pixels, [str(value) for value in bunch.target]


CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

DEBIAN_PACKAGE = "dataset-fashion-mnist"
DEBIAN_DIRECTORY = "/usr/share/datasets/fashion-mnist"

# MD5 checksums from the data set's README.
MD5 = {
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}


class FashionMnistAdapter(idx.IdxAdapter):
    """Reads Fashion-MNIST (arXiv:1708.07747); its 10,000 test images stay in `test`."""

    def __init__(self, source: FashionMnistSource, max_file_bytes: int):
        directory = find_fashion_mnist(source)
        super().__init__(IdxSource(path=directory, class_names=CLASS_NAMES), max_file_bytes)


def find_fashion_mnist(
    source: FashionMnistSource,
    debian_directory: str = DEBIAN_DIRECTORY,
    debian_package: str = DEBIAN_PACKAGE,
) -> str:
    """Find or download the four files.

    Looks at the configured directory if there is one; otherwise, in this order, at the installed Debian
    package and the cache; then downloads the package with apt (needs no root), or the files from the
    authors' site.

    Args:
        source: The configuration.
        debian_directory: The directory in which Debian's package installs the files.
        debian_package: Name of the package.

    Returns:
        A directory that holds the four files.

    Raises:
        DataError: If no place has them; lists each place with its problem.
    """
    cache_dir = "" if source.path else files.local(source.cache_dir)
    places = [source.path] if source.path else [debian_directory, cache_dir]
    tried = []
    for place in places:
        missing = [name for name in MD5 if not _has(place, name)]
        if not missing:
            return place
        tried.append(f"{place}: no {', '.join(missing)}")
    if source.path:
        raise DataError(
            f"Received the Fashion-MNIST directory {tried[0]}; expected the four .gz files in it. "
            "Correct data.source.path, or leave it out to have the data set looked up and downloaded."
        )
    fetches: tuple[Callable[[], None], ...] = (
        lambda: unpack_debian_package(debian_package, DEBIAN_DIRECTORY, cache_dir),
        lambda: download(source.url, MD5, cache_dir),
    )
    for fetch in fetches:
        try:
            fetch()
            return cache_dir
        except DownloadError as error:
            tried.append(str(error))
    raise DataError(
        "Fashion-MNIST was not found. Tried, in this order:\n"
        + "\n".join(f"  {number}. {what}" for number, what in enumerate(tried, 1))
        + f"\nInstall Debian's package {DEBIAN_PACKAGE}, or put the four .gz files into a directory "
        "and set data.source.path to it."
    )


def _has(directory: str, name: str) -> bool:
    return any(file_info.stat(files.join(directory, each)) for each in (name, name.removesuffix(".gz")))


_APT_SECONDS = 300


def unpack_debian_package(package: str, folder: str, directory: str) -> None:
    """Download a package with apt, which checks its signatures, and copy one folder of it.

    Args:
        package: Name of the package.
        folder: Absolute path of the files in the package.
        directory: Directory to write to; a file appears there only when it is complete.

    Raises:
        DownloadError: If there is no apt, it knows no such package, or the package has no such folder.
    """
    with tempfile.TemporaryDirectory() as scratch:
        _run(["apt-get", "download", package], package, scratch)
        (archive,) = pathlib.Path(scratch).glob("*.deb")
        _run(["dpkg-deb", "-x", archive.name, "root"], package, scratch)
        found = sorted(pathlib.Path(scratch, "root", folder.lstrip("/")).glob("*"))
        if not found:
            raise DownloadError(f"Debian package {package}: has no files under {folder}")
        try:
            target = pathlib.Path(directory)
            target.mkdir(parents=True, exist_ok=True)
            for file in found:
                partial = target / f"{file.name}.part"
                shutil.copyfile(file, partial)
                partial.replace(target / file.name)
        except OSError as error:
            raise DownloadError(f"{directory}: can't be written ({error.strerror})") from error


def _run(command: list[str], package: str, directory: str) -> None:
    try:
        done = subprocess.run(
            command, cwd=directory, capture_output=True, text=True, timeout=_APT_SECONDS, check=False
        )
    except FileNotFoundError:
        raise DownloadError(f"Debian package {package}: this system has no {command[0]}") from None
    except subprocess.TimeoutExpired:
        raise DownloadError(f"Debian package {package}: {command[0]} gave no answer") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("E:")] or ["failed"]
        raise DownloadError(f"Debian package {package}: {command[0]}: {lines[0].removeprefix('E: ')}")


_BLOCK = 1 << 20
_HTTP_SECONDS = 30


def download(base_url: str, md5: Mapping[str, str], directory: str) -> None:
    """Download missing files; each appears only when it is complete and its checksum is right.

    Args:
        base_url: URL of the directory that holds them.
        md5: File name -> MD5, hex.
        directory: Directory to write to.

    Raises:
        DownloadError: If a file can't be downloaded or has another checksum.
    """
    try:
        os.makedirs(directory, exist_ok=True)
    except OSError as error:
        raise DownloadError(f"{directory}: can't be made ({error.strerror})") from error
    for name, expected in md5.items():
        if not os.path.exists(os.path.join(directory, name)):
            _download_one(f"{base_url.rstrip('/')}/{name}", expected, os.path.join(directory, name))


def _download_one(url: str, expected: str, path: str) -> None:
    digest = hashlib.md5(usedforsecurity=False)
    partial = f"{path}.{os.getpid()}.part"
    try:
        with urllib.request.urlopen(url, timeout=_HTTP_SECONDS) as response, open(partial, "wb") as file:
            while block := response.read(_BLOCK):
                digest.update(block)
                file.write(block)
        if digest.hexdigest() != expected:
            raise DownloadError(f"{url}: MD5 is {digest.hexdigest()}, expected {expected}")
        os.replace(partial, path)
    except urllib.error.HTTPError as error:  # its text has the status
        error.close()
        raise DownloadError(f"{url}: {error}") from error
    except (OSError, ValueError) as error:  # URLError and timeouts are OSErrors; ValueError: no such scheme
        # Of a URLError, only `reason` says anything.
        raise DownloadError(f"{url}: {getattr(error, 'reason', error)}") from error
    finally:
        if os.path.exists(partial):
            os.remove(partial)
