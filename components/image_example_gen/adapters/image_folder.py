"""A directory of images, one sub-directory for each class."""

import functools
from collections.abc import Iterator

from tfx_contrastive.components.examples.records import EncodedImage
from tfx_contrastive.components.image_example_gen.adapters import base, tree, walk
from tfx_contrastive.components.image_example_gen.config import ImageFolderSource


class ImageFolderAdapter:
    """Reads an image folder, local or on an object store."""

    def __init__(self, source: ImageFolderSource, max_file_bytes: int):
        self._source = source
        self._max_file_bytes = max_file_bytes

    def listing(self) -> base.Listing:
        """Lists the folder."""
        return tree.listing(self._tree, self._source.layout)

    def chunks(self, staging_dir: str, chunk_images: int) -> list[base.FileChunk]:
        """Groups the files in the order of their paths."""
        del staging_dir  # files are read in place
        return base.file_chunks(self._tree.entries, chunk_images)

    def read(self, chunk: base.FileChunk) -> Iterator[EncodedImage]:
        """Reads the files of a chunk, one at a time."""
        return (base.read_entry(entry, self._max_file_bytes) for entry in chunk.entries)

    @functools.cached_property
    def _tree(self) -> tree.Tree:
        base.require_directory(self._source.path, "the image folder")
        infos = list(walk.walk(self._source.path, self._source.follow_links, with_hidden=True))
        return tree.read(infos, f"the image folder {self._source.path}", self._source.layout)
