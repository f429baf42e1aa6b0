"""A directory of images, one sub-directory for each class."""

from collections.abc import Iterator

from components.image_example_gen import files
from components.image_example_gen.adapters import base, tree
from components.image_example_gen.config import ImageFolderSource
from components.image_example_gen.records import EncodedImage


class ImageFolderAdapter:
    """Reads an image folder, local or on an object store."""

    def __init__(self, source: ImageFolderSource, max_file_bytes: int):
        self._root = source.path
        self._max_file_bytes = max_file_bytes

    def listing(self) -> base.Listing:
        """Lists the folder."""
        infos = self._infos()
        return tree.listing(infos, tree.entries(infos, self._what))

    def chunks(self, staging_dir: str, chunk_images: int) -> list[base.FileChunk]:
        """Groups the files in the order of their paths."""
        del staging_dir  # files are read in place
        return base.file_chunks(tree.entries(self._infos(), self._what), chunk_images)

    def read(self, chunk: base.FileChunk) -> Iterator[EncodedImage]:
        """Reads the files of a chunk, one at a time."""
        return (base.read_entry(entry, self._max_file_bytes) for entry in chunk.entries)

    @property
    def _what(self) -> str:
        return f"the image folder {self._root}"

    def _infos(self) -> list[files.FileInfo]:
        base.require_directory(self._root, "the image folder")
        return list(files.walk(self._root))
