"""Vectors that the same encoder computed in a former run, so that only new images are embedded.

`<cache_dir>/<encoder fingerprint>.json` names the newest Embeddings artifact of an encoder. Unlike TFX's
Resolver, this works on open-source Kubeflow too, and it finds the vectors of a former encoder again after a
rollback to it.
"""

import collections
import json
import logging
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfx_contrastive.contract import files

from . import store

_ID_BYTES = 32
_SHARDS_IN_MEMORY = 4

_logger = logging.getLogger(__name__)


def find(cache_dir: str, encoder_fingerprint: str) -> str:
    """Return the URI of an encoder's newest complete Embeddings artifact; empty if there is none."""
    path = _pointer(cache_dir, encoder_fingerprint)
    if not cache_dir or not files.is_file(path):
        return ""
    uri = str(json.loads(files.read_text(path))["uri"])
    try:
        known = store.read_meta(uri).encoder_fingerprint
    except ValueError as error:
        _logger.warning("Former embeddings can't be used, every image is embedded again: %s", error)
        return ""
    return uri if known == encoder_fingerprint else ""


def remember(cache_dir: str, encoder_fingerprint: str, uri: str) -> None:
    """Make `find` return `uri` from now on. The change is atomic."""
    path = _pointer(cache_dir, encoder_fingerprint)
    files.write_text(f"{path}.tmp", json.dumps({"uri": uri}))
    files.rename(f"{path}.tmp", path)


def _pointer(cache_dir: str, encoder_fingerprint: str) -> str:
    return files.join(cache_dir, f"{encoder_fingerprint}.json")


class FormerVectors:
    """The known vectors, by image id.

    The ids (32 bytes per image) and a few shards are in memory, not all vectors: most images of one file of
    examples are in one former shard as well.
    """

    def __init__(self, uri: str):
        """Read the ids.

        Args:
            uri: URI of an Embeddings artifact; empty if no vector is known.
        """
        self._paths = store.shard_paths(uri) if uri else []
        parts, shards, rows = [np.zeros(0, f"S{_ID_BYTES}")], [np.zeros(0, int)], [np.zeros(0, int)]
        for number, path in enumerate(self._paths):
            ids = _binary_ids(store.read_shard(path, ["image_id"])["image_id"].to_pylist())
            parts.append(ids)
            shards.append(np.full(len(ids), number))
            rows.append(np.arange(len(ids)))
        ids = np.concatenate(parts)
        order = np.argsort(ids, kind="stable")
        self._ids = ids[order]
        self._shards = np.concatenate(shards)[order]
        self._rows = np.concatenate(rows)[order]
        self._loaded: collections.OrderedDict[int, NDArray[Any]] = collections.OrderedDict()
        self._lock = threading.Lock()  # several files are embedded at a time

    def __len__(self) -> int:
        return len(self._ids)

    def look_up(self, image_ids: Sequence[str]) -> dict[int, NDArray[Any]]:
        """Return the known vectors of images.

        Args:
            image_ids: Ids of the images, hex, N.

        Returns:
            Position in `image_ids` -> vector, float32 [D]; unknown images are absent.
        """
        if not len(self._ids) or not image_ids:
            return {}
        wanted = _binary_ids(image_ids)
        places = np.searchsorted(self._ids, wanted).clip(max=len(self._ids) - 1)
        known = np.flatnonzero(self._ids[places] == wanted)
        found = {}
        for shard in np.unique(self._shards[places[known]]):
            vectors = self._load(int(shard))
            for position in known[self._shards[places[known]] == shard]:
                found[int(position)] = vectors[self._rows[places[position]]]
        return found

    def _load(self, shard: int) -> NDArray[Any]:
        with self._lock:
            if shard not in self._loaded:
                table = store.read_shard(self._paths[shard], [store.VECTOR])
                self._loaded[shard] = store.vectors_of(table)
                if len(self._loaded) > _SHARDS_IN_MEMORY:
                    self._loaded.popitem(last=False)
            self._loaded.move_to_end(shard)
            return self._loaded[shard]


def _binary_ids(image_ids: Sequence[str]) -> NDArray[Any]:
    """Return hex digests as bytes of fixed width, S32 [N], which compare like numbers."""
    joined = bytes.fromhex("".join(image_ids))
    return np.frombuffer(joined, f"S{_ID_BYTES}")
