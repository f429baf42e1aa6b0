"""New images from a directory: a bounded random sample, decoded as ImageExampleGen does."""

import collections
import dataclasses
from collections.abc import Mapping

import numpy as np

from tfx_contrastive.components.examples.decode import DecodedImage, decode
from tfx_contrastive.components.image_example_gen.adapters.base import read_entry
from tfx_contrastive.components.image_example_gen.adapters.image_folder import ImageFolderAdapter
from tfx_contrastive.components.image_example_gen.config import ImageFolderSource, SeenAs
from tfx_contrastive.contract.errors import DataError, RejectedError

_CHUNK = 4096
_ALL = SeenAs()


@dataclasses.dataclass(frozen=True)
class NewImages:
    """The sample.

    Attributes:
        images: Those that can be used.
        set_aside: Reason to number of those that can't.
        num_found: Files in the directory.
        seen_as: What the model sees of an image.
    """

    images: tuple[DecodedImage, ...]
    set_aside: Mapping[str, int]
    num_found: int
    seen_as: SeenAs = _ALL

    @property
    def bad_fraction(self) -> float:
        """Share of the sample that can't be used."""
        bad = sum(self.set_aside.values())
        return bad / max(1, bad + len(self.images))


def read_images(
    path: str, max_images: int, max_pixels: int, max_file_bytes: int, seed: int, seen_as: SeenAs = _ALL
) -> NewImages:
    """Samples a directory tree.

    Args:
        path: The directory, local or on an object store; sub-directories are read too.
        max_images: Size of the sample.
        max_pixels: Width times height of an image that is used.
        max_file_bytes: Of a file that is read.
        seed: Of the sample.
        seen_as: What the model sees of an image.

    Raises:
        DataError: If there is no such directory or no file in it.
    """
    # New images have no classes and no splits: whatever their folders mean, each image counts.
    adapter = ImageFolderAdapter(ImageFolderSource(path=path, layout="classes"), max_file_bytes)
    entries = [entry for chunk in adapter.chunks("", _CHUNK) for entry in chunk.entries]
    order = np.random.default_rng(seed).permutation(len(entries))[:max_images]
    images, set_aside = [], collections.Counter[str]()
    for number in np.sort(order):
        read = read_entry(entries[number], max_file_bytes)
        if read.rejected is not None:
            set_aside[read.rejected[0].value] += 1
            continue
        try:
            images.append(decode(read.data, read.source, read.checks_extension, max_pixels, seen_as))
        except RejectedError as error:
            set_aside[error.reason.value] += 1
    if not images:
        raise DataError(f"Received {path}, none of whose {len(entries)} files is an image that can be used.")
    return NewImages(tuple(images), dict(set_aside), len(entries), seen_as)
