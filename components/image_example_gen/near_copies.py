"""Find near copies between splits: an image saved again, cropped by a pixel, or a little brighter.

Equal pixels are found by `image_id` (`splits.py`). Near copies are found by their thumbnails, in two steps.
The ten images with the most similar thumbnails are candidates. A candidate is a copy if both are true:

- Its thumbnail turns into that of the image by a change of contrast and brightness, and by a motion of about
  one pixel of the thumbnail.
- It does so far better than the other candidates. This separates copies from classes whose images all look
  alike: on Fashion-MNIST, thumbnails of different images correlate by 0.99 (docs/data.md has the figures).
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt
from PIL import Image

from tfx_contrastive.contract.examples import EVAL, SPLITS, TEST, TRAIN

from .records import StagedChunk

_SIDE, _COLOR_SIDE = 16, 4
_NUM_GRAY = _SIDE * _SIDE
THUMBNAIL_BYTES = _NUM_GRAY + 3 * _COLOR_SIDE * _COLOR_SIDE
_CANDIDATES, _VERIFIED = 10, 3  # the last candidate tells how similar unrelated images are
_SURELY = 0.995  # share of the variance of a thumbnail, above which any candidate is a copy
_EXPLAINED = 0.95  # smallest share of a copy
_OF_LOOK_ALIKE = 0.12  # unexplained variance, as a share of that of the least similar candidate
_MOST_MOTION = 1.3  # pixels of the thumbnail
_GAIN = (0.7, 1.4)
_MOST_COLOR = 16.0  # mean difference of colors in levels, without their gray part
_EXACT_PAIRS = 4_000_000_000  # with more pairs, search only the nearest cells of an inverted file
_CELLS_SEARCHED = 16
_BLOCK = 4_096
_SHOWN = 6  # pairs per two splits
_NOTABLE, _NOTABLE_SHARE = 2, 0.01


def thumbnails(pixels: Sequence[npt.NDArray[Any]] | npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Compute the thumbnails by which near copies are found.

    Args:
        pixels: N arrays, uint8 [H, W, C], C in {1, 3}; sizes may differ. Images with alpha come from
            `model_input.on_ground`.

    Returns:
        uint8 [N, THUMBNAIL_BYTES]: gray at 16x16, then color at 4x4.
    """
    found = np.empty([len(pixels), THUMBNAIL_BYTES], np.uint8)
    for row, image in enumerate(pixels):
        color = image if image.shape[-1] == 3 else image[..., 0]
        small = Image.fromarray(np.ascontiguousarray(color)).resize((_SIDE, _SIDE), Image.Resampling.BOX)
        coarse = np.asarray(small.resize((_COLOR_SIDE, _COLOR_SIDE), Image.Resampling.BOX))
        found[row, :_NUM_GRAY] = np.asarray(small.convert("L")).ravel()
        found[row, _NUM_GRAY:].reshape(-1, 3)[:] = coarse.reshape(_COLOR_SIDE * _COLOR_SIDE, -1)
    return found


def find(queries: npt.NDArray[Any], others: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Find the near copy of each image.

    Args:
        queries: Thumbnails, uint8 [Q, THUMBNAIL_BYTES].
        others: Thumbnails of the images to search, uint8 [N, THUMBNAIL_BYTES].

    Returns:
        Row of the copy in `others`, int64 [Q]; -1 if there is none.
    """
    found = np.full(len(queries), -1, np.int64)
    if not len(queries) or not len(others):
        return found
    candidates = _most_similar(queries, others, min(_CANDIDATES, len(others)))
    for start in range(0, len(queries), _BLOCK):
        block = slice(start, start + _BLOCK)
        found[block] = _copies(queries[block], others, candidates[block])
    return found


def _most_similar(queries: npt.NDArray[Any], others: npt.NDArray[Any], k: int) -> npt.NDArray[Any]:
    """Return rows of `others` with the highest correlation at 8x8 gray, int64 [Q, k]; filled up with -1."""
    wanted, known = _descriptors(queries), _descriptors(others)
    if len(wanted) * len(known) <= _EXACT_PAIRS:
        exact: npt.NDArray[Any] = faiss.knn(wanted, known, k, metric=faiss.METRIC_INNER_PRODUCT)[1]
        return exact
    dim, cells = known.shape[1], max(1, round(4 * np.sqrt(len(known))))
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, cells, faiss.METRIC_INNER_PRODUCT)
    index.cp.seed, index.cp.spherical, index.nprobe = 1, True, _CELLS_SEARCHED
    index.train(known[:: max(1, len(known) // (50 * cells))])
    index.add(known)
    found: npt.NDArray[Any] = index.search(wanted, k)[1]
    return found


def _descriptors(thumbs: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return gray at 8x8 without its mean, scaled to length 1: float32 [N, 64]."""
    half = _SIDE // 2
    gray = thumbs[:, :_NUM_GRAY].reshape(-1, half, 2, half, 2).mean(axis=(2, 4), dtype=np.float32)
    gray = gray.reshape(len(thumbs), -1)
    gray -= gray.mean(axis=1, keepdims=True)
    return np.ascontiguousarray(gray / np.maximum(np.linalg.norm(gray, axis=1, keepdims=True), 1e-6))


def _copies(
    queries: npt.NDArray[Any], others: npt.NDArray[Any], candidates: npt.NDArray[Any]
) -> npt.NDArray[Any]:
    """Return the row of `others` that is a copy of each query, int64 [Q]; -1 if no candidate is one."""
    last = candidates.shape[1] - 1
    candidates = candidates[:, [*range(min(_VERIFIED, last)), last]]
    explained = np.zeros(candidates.shape)
    is_possible = np.zeros(candidates.shape, bool)
    for column in range(candidates.shape[1]):
        rows = np.maximum(candidates[:, column], 0)
        share, fits = _explained(others[rows], queries)
        explained[:, column] = np.where(candidates[:, column] >= 0, share, 0)
        is_possible[:, column] = fits & (candidates[:, column] >= 0)
    possible = np.where(is_possible, explained, 0)
    best = possible.argmax(axis=1)
    share = possible[np.arange(len(queries)), best]
    least = explained.min(axis=1)
    stands_out = (share >= _EXPLAINED) & (1 - share <= _OF_LOOK_ALIKE * (1 - least))
    return np.where((share >= _SURELY) | stands_out, candidates[np.arange(len(queries)), best], -1)


def _explained(
    others: npt.NDArray[Any], queries: npt.NDArray[Any]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Compute how well another thumbnail explains each query by gain, brightness, shift and scale.

    To first order, an image that is shifted or scaled a little differs from itself by its gradient times
    the motion. So this is least squares on the image, a constant, and four motions.

    Returns:
        Share of the variance, float [N], and whether gain, motion and color are those of a copy, bool
        [N].
    """
    picture = others[:, :_NUM_GRAY].reshape(-1, _SIDE, _SIDE).astype(np.float32)
    down, right = np.gradient(picture, axis=(1, 2))
    at = (np.arange(_SIDE) - (_SIDE - 1) / 2) / _SIDE
    parts = (picture, np.ones_like(picture), right, down, right * at, down * at[:, np.newaxis])
    design = np.stack(parts, axis=-1).reshape(len(picture), _NUM_GRAY, -1)
    target = queries[:, :_NUM_GRAY].astype(np.float32)
    normal = np.einsum("npi,npj->nij", design, design) + 1e-6 * np.eye(design.shape[-1])
    fit = np.linalg.solve(normal, np.einsum("npi,np->ni", design, target)[..., np.newaxis])[..., 0]
    left = np.square(target - np.einsum("npi,ni->np", design, fit)).sum(axis=1)
    total = np.square(target - target.mean(axis=1, keepdims=True)).sum(axis=1)
    gain = fit[:, 0]
    motion = np.abs(fit[:, 2:4]).max(axis=1) / np.maximum(np.abs(gain), 1e-6)
    chroma, wanted = _chroma(others), _chroma(queries)
    fits = (gain > _GAIN[0]) & (gain < _GAIN[1]) & (motion < _MOST_MOTION)
    fits &= np.abs(chroma - wanted).mean(axis=1) <= _MOST_COLOR
    return np.clip(1 - left / np.maximum(total, 1e-6), 0, 1), fits


def _chroma(thumbs: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return colors minus their mean over the three channels, float [N, 48]."""
    color = thumbs[:, _NUM_GRAY:].reshape(len(thumbs), -1, 3).astype(np.float64)
    chroma: npt.NDArray[Any] = color - color.mean(axis=-1, keepdims=True)
    return chroma.reshape(len(thumbs), -1)


@dataclasses.dataclass(frozen=True)
class NearCopies:
    """Images of `eval` and `test` that have a near copy in another split.

    Attributes:
        in_train: bool [N], whether each staged image is in `eval` or `test` and has a near copy in
            `train`.
        counts: `test in train`, `eval in train`, `test in eval` -> number of images.
        examples: Some pairs: split and source of the image, split and source of its copy.
    """

    in_train: npt.NDArray[Any]
    counts: dict[str, int]
    examples: tuple[tuple[str, str, str, str], ...]

    def values(self) -> dict[str, Any]:
        """Return the entry for `summary.json`."""
        named = ("split", "source", "copy_split", "copy_source")
        return {
            "counts": self.counts,
            "examples": [dict(zip(named, each, strict=True)) for each in self.examples],
        }


def between_splits(chunks: Sequence[StagedChunk], splits: npt.NDArray[Any]) -> NearCopies:
    """Find the near copies that images of `test` and `eval` have in other splits.

    Args:
        chunks: In the order of the source, with thumbnails.
        splits: int8 [N], index in `SPLITS`; negative: left out.
    """
    in_train = np.zeros(len(splits), bool)
    if any(chunk.thumbnails is None for chunk in chunks):
        return NearCopies(in_train, {}, ())
    thumbs = np.concatenate([chunk.thumbnails for chunk in chunks if chunk.thumbnails is not None])
    sources = [source for chunk in chunks for source in chunk.sources]
    rows = {name: np.flatnonzero(splits == code) for code, name in enumerate(SPLITS)}
    counts, examples = {}, []
    for name, other in ((TEST, TRAIN), (EVAL, TRAIN), (TEST, EVAL)):
        found = find(thumbs[rows[name]], thumbs[rows[other]])
        copied = np.flatnonzero(found >= 0)
        counts[f"{name} in {other}"] = len(copied)
        if other == TRAIN:
            in_train[rows[name][copied]] = True
        examples += [
            (name, sources[rows[name][row]], other, sources[rows[other][found[row]]])
            for row in copied[:_SHOWN].tolist()
        ]
    return NearCopies(in_train, counts, tuple(examples))


def are_notable(num_copies: int, num_images: int) -> bool:
    """Return whether a split has so many near copies that its metrics are doubtful."""
    return num_images > 0 and num_copies >= max(_NOTABLE, _NOTABLE_SHARE * num_images)


def warning(near: Mapping[str, Any], images: Mapping[str, int]) -> str:
    """Return a warning as a sentence; empty if there are too few near copies to matter.

    Args:
        near: See `NearCopies.values`.
        images: Number of images of each split.
    """
    told = []
    for pair, count in near.get("counts", {}).items():
        split, _, other = pair.partition(" in ")
        if are_notable(count, images.get(split, 0)):
            told.append(f"{count:,} of {images[split]:,} images of {split} have a near copy in {other}")
    if not told:
        return ""
    example = near["examples"][0]
    return (
        f"{', '.join(told)}, such as {example['source']} of {example['copy_source']}: metrics of this "
        "split may be too high. The slice near_copy: none has the metrics without such images. Keep a scene, "
        "patient or burst in one split with data.group_pattern or a manifest's column `group`"
    )
