"""Turn a chunk of the source into a staging file of examples, and metadata."""

import functools
import hashlib
import os
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfx_contrastive.components.examples import features, model_input
from tfx_contrastive.components.examples.decode import DecodedImage, decode
from tfx_contrastive.components.examples.model_input import SeenAs
from tfx_contrastive.components.examples.png import encode_png
from tfx_contrastive.contract import files
from tfx_contrastive.contract.errors import RejectedError

from . import near_copies
from .records import ArrayBatch, EncodedImage, SetAside, StagedChunk

# Images are encoded to examples in groups of this many: decoded pixels of a group are in memory at once.
_GROUP_IMAGES = 64
_GROUP_BYTES = 64 * 2**20

# Largest number and size of rejected images that a chunk copies for the quarantine.
_SAMPLES_PER_CHUNK = 20
_SAMPLE_BYTES = 2**20


class ChunkStager:
    """Writes one staging file; collects the metadata for planning."""

    def __init__(self, index: int, staging_dir: str, max_pixels: int, seen_as: SeenAs):
        self._path = os.path.join(staging_dir, f"chunk-{index:05d}")
        self._max_pixels = max_pixels
        self._seen_as = seen_as
        self._index = index
        self._ids: list[npt.NDArray[Any]] = []
        self._thumbnails = [np.zeros((0, near_copies.THUMBNAIL_BYTES), np.uint8)]
        self._labels: list[str | None] = []
        self._splits: list[str] = []
        self._sources: list[str] = []
        self._groups: list[str | None] = []
        self._set_aside: list[SetAside] = []
        self._num_samples = 0
        self._deepest = 0

    def stage(self, images: ArrayBatch | Iterable[EncodedImage]) -> StagedChunk:
        """Write the examples of the good images, and record the rejected ones."""
        with tf.io.TFRecordWriter(self._path) as writer:
            if isinstance(images, ArrayBatch):
                self._write_array(images, writer)
            else:
                self._write_encoded(images, writer)
        ids = np.concatenate(self._ids) if self._ids else np.zeros((0, 32), np.uint8)
        return StagedChunk(
            self._index,
            self._path,
            ids,
            self._labels,
            self._splits,
            self._sources,
            self._set_aside,
            np.concatenate(self._thumbnails),
            self._groups,
            self._deepest,
        )

    def _write_array(self, batch: ArrayBatch, writer: tf.io.TFRecordWriter) -> None:
        blank = model_input.blank_images(batch.pixels, self._seen_as)
        for i, why in blank.items():
            digest = hashlib.sha256(batch.pixels[i].tobytes()).hexdigest()
            label = batch.labels[i]
            self._set_aside.append(
                SetAside(batch.sources[i], why.reason, why.detail, digest, "", label, batch.split)
            )
        good = [i for i in range(len(batch.pixels)) if i not in blank]
        pixels = batch.pixels[good] if blank else batch.pixels
        if good:
            sources = [batch.sources[i] for i in good]
            labels = [batch.labels[i] for i in good]
            self._write(pixels, encode_png(pixels), sources, labels, [batch.split] * len(good), writer)

    def _write_encoded(self, images: Iterable[EncodedImage], writer: tf.io.TFRecordWriter) -> None:
        group: list[tuple[EncodedImage, DecodedImage]] = []
        num_bytes = 0
        for image in images:
            try:
                decoded = decode(
                    image.content(), image.source, image.checks_extension, self._max_pixels, self._seen_as
                )
            except RejectedError as rejected:
                self._deepest = max(self._deepest, rejected.deepest)
                self._set_image_aside(image, rejected)
                continue
            self._deepest = max(self._deepest, decoded.deepest)
            group.append((image, decoded))
            num_bytes += decoded.pixels.nbytes + len(decoded.encoded)
            if len(group) == _GROUP_IMAGES or num_bytes >= _GROUP_BYTES:
                self._write_group(group, writer)
                group, num_bytes = [], 0
        self._write_group(group, writer)

    def _write_group(
        self, group: list[tuple[EncodedImage, DecodedImage]], writer: tf.io.TFRecordWriter
    ) -> None:
        if group:
            self._write(
                [decoded.pixels for _, decoded in group],
                [decoded.encoded for _, decoded in group],
                [image.source for image, _ in group],
                [image.label for image, _ in group],
                [image.split for image, _ in group],
                writer,
            )
            self._groups += [image.group for image, _ in group]

    def _write(
        self,
        pixels: npt.NDArray[Any] | list[npt.NDArray[Any]],
        encoded: list[bytes],
        sources: list[str],
        labels: list[str | None],
        splits: list[str],
        writer: tf.io.TFRecordWriter,
    ) -> None:
        if isinstance(pixels, np.ndarray):
            ids = features.image_ids(pixels)
            laid: npt.NDArray[Any] | list[npt.NDArray[Any]] = model_input.on_ground(pixels, self._seen_as)
        else:
            ids = np.concatenate([features.image_ids(image[np.newaxis]) for image in pixels])
            laid = [model_input.on_ground(image, self._seen_as) for image in pixels]
        for example in features.encode_examples(pixels, laid, encoded, ids, sources):
            writer.write(example)
        self._ids.append(ids)
        self._thumbnails.append(near_copies.thumbnails(laid))
        self._sources += sources
        self._labels += labels
        self._splits += splits

    def _set_image_aside(self, image: EncodedImage, rejected: RejectedError) -> None:
        sample = ""
        if 0 < len(image.data) <= _SAMPLE_BYTES and self._num_samples < _SAMPLES_PER_CHUNK:
            sample = f"{self._path}-sample-{self._num_samples:02d}"
            self._num_samples += 1
            files.write_bytes(sample, image.data)
        digest = hashlib.sha256(image.data).hexdigest() if image.data else ""
        self._set_aside.append(
            SetAside(image.source, rejected.reason, rejected.detail, digest, sample, image.label, image.split)
        )


near_copy_suffix = functools.lru_cache(maxsize=2)(features.near_copy_suffix)
label_suffix = functools.lru_cache(maxsize=65536)(features.label_suffix)
