"""Fashion-MNIST (arXiv:1708.07747): looked up, or downloaded, then read as IDX files."""

from tfx_contrastive.components.examples.records import ArrayBatch
from tfx_contrastive.components.image_example_gen.adapters import arrays, base, idx
from tfx_contrastive.components.image_example_gen.config import FashionMnistSource, IdxSource
from tfx_contrastive.contract import files
from tfx_contrastive.contract.errors import DataError, DownloadError

from .. import debian, download

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

# MD5 as the data set's own README states them.
MD5 = {
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}


class FashionMnistAdapter:
    """Reads Fashion-MNIST; its 10,000 test images stay `test`."""

    def __init__(self, source: FashionMnistSource, max_file_bytes: int):
        directory = find(source)
        self._idx = idx.IdxAdapter(IdxSource(path=directory, class_names=CLASS_NAMES), max_file_bytes)

    def listing(self) -> base.Listing:
        """Reads the labels."""
        return self._idx.listing()

    def chunks(self, staging_dir: str, chunk_images: int) -> list[arrays.ArrayPart]:
        """Unpacks and cuts the arrays."""
        return self._idx.chunks(staging_dir, chunk_images)

    def read(self, chunk: arrays.ArrayPart) -> ArrayBatch:
        """Reads a part of one file."""
        return arrays.read(chunk)


def find(
    source: FashionMnistSource,
    debian_directory: str = DEBIAN_DIRECTORY,
    debian_package: str = DEBIAN_PACKAGE,
) -> str:
    """Finds the four files.

    In this order: the directory named, or else the installed Debian package, the cache, the package
    as apt downloads it (needs no root), the address of the data set's authors.

    Args:
        source: The configuration.
        debian_directory: Where Debian's package puts them.
        debian_package: The package's name.

    Returns:
        A directory that holds the four files.

    Raises:
        DataError: If none of the places has them; the text lists each with what was wrong.
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
    for fetch in (
        lambda: debian.unpack(debian_package, DEBIAN_DIRECTORY, cache_dir),
        lambda: download.fetch(source.url, MD5, cache_dir),
    ):
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
    return any(files.stat(files.join(directory, each)) for each in (name, name.removesuffix(".gz")))
