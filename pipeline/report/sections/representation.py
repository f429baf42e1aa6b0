"""The section on the representation: figures and checks, a map of embeddings, nearest neighbors."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tfx_contrastive.pipeline.report.thumbnails import Atlas
from tfx_contrastive.pipeline.runs.images import Seen
from tfx_contrastive.pipeline.runs.record import RunRecord

MAP_IMAGES = 1_500
NUM_NEIGHBORS = 7
_TYPICAL, _WORST = 6, 6
_SEED = 0
_COLLAPSED = 1e-6
# figure -> (title, sentence on how to read it)
FIGURE_TITLES = {
    "knn_accuracy": ("kNN probe, eval", "Accuracy of the nearest labeled neighbors."),
    "linear_probe_accuracy": ("Linear probe, eval", "Accuracy of a linear classifier on frozen embeddings."),
    "test_knn_accuracy": ("kNN probe, test", "Reported only."),
    "test_linear_probe_accuracy": ("Linear probe, test", "Reported only."),
    "whitened_knn_accuracy": (
        "kNN probe, eval, whitened",
        "The same probe on whitened embeddings.",
    ),
    "pixel_knn_accuracy": (
        "kNN probe on pixels",
        "The same probe without an encoder: the best of several forms of small images.",
    ),
    "knn_margin_over_pixels": (
        "kNN probe over pixels",
        "Difference between the best probe on embeddings and the best on pixels.",
    ),
    "pixel_linear_probe_accuracy": ("Linear probe on pixels", "The same probe without an encoder."),
    "linear_probe_margin_over_pixels": (
        "Linear probe over pixels",
        "Difference between the probe on embeddings and the best on pixels.",
    ),
    "knn_gain": (
        "kNN gain",
        "Share of the errors of an encoder with shuffled weights that this encoder avoids.",
    ),
    "linear_probe_gain": ("Linear-probe gain", "The same share for the linear probe."),
    "gain_over_pixels": (
        "Gain over pixels",
        "Share of the errors of the probe on pixels that the encoder avoids.",
    ),
    "effective_rank": ("Effective rank", "Number of directions in which embeddings differ."),
    "embedding_std": (
        "Standard deviation",
        "About 1: evenly spread over the sphere. 0: collapsed to one point.",
    ),
    "uniformity": ("Uniformity", "Lower values mean more evenly spread embeddings, down to about -4."),
    "alignment": (
        "Alignment",
        "Squared distance between two views of an image. Not meaningful alone: a constant encoder reaches 0.",
    ),
    "view_retrieval": ("View retrieval", "Mean reciprocal rank of an image's own view."),
    "pixel_view_retrieval": (
        "View retrieval by pixels",
        "Reported only: pixels find mild crops well.",
    ),
    "view_retrieval_gain": (
        "View-retrieval gain",
        "Share of the misses of an encoder with shuffled weights that this encoder avoids.",
    ),
}


@dataclasses.dataclass(frozen=True)
class Figure:
    """One figure with a sentence on how to read it."""

    name: str
    title: str
    value: float
    reading: str


@dataclasses.dataclass(frozen=True)
class EmbeddingMap:
    """Images as points in the plane.

    Attributes:
        layouts: Coordinates per method, float [N, 2].
        labels: Class names, N; None where unknown.
        predicted: Predicted class names, N; empty without a classifier.
        confidence: Probabilities of the predicted classes, N; empty without a classifier.
        sources: Paths in the data source, N.
        tiles: Numbers of tiles in the atlas of the map, N; None if an image can't be shown.
        explained: Share of the variance that the two principal components explain.
    """

    layouts: Mapping[str, npt.NDArray[Any]]
    labels: tuple[str | None, ...]
    predicted: tuple[str, ...]
    confidence: tuple[float, ...]
    sources: tuple[str, ...]
    tiles: tuple[int | None, ...]
    explained: float


@dataclasses.dataclass(frozen=True)
class Neighbor:
    """An image near a query; `tile` is its number in the atlas, `similarity` the cosine."""

    tile: int | None
    label: str
    source: str
    similarity: float
    agrees: bool | None


@dataclasses.dataclass(frozen=True)
class NeighborRow:
    """A query and its nearest neighbors, the nearest first."""

    query: Neighbor
    neighbors: tuple[Neighbor, ...]
    worst: bool


@dataclasses.dataclass(frozen=True)
class Representation:
    """The section; `checks` and `comparisons` are those of RepresentationGate, as it wrote them."""

    split: str
    blessed: bool | None
    figures: tuple[Figure, ...]
    counts: Mapping[str, int]
    checks: tuple[Mapping[str, Any], ...]
    comparisons: tuple[Mapping[str, Any], ...]
    map: EmbeddingMap | None
    rows: tuple[NeighborRow, ...]


def collect_representation(record: RunRecord, points: Atlas, gallery: Atlas) -> Representation | None:
    """Gather the section; None if the run has neither an encoder nor its measurement.

    Args:
        record: The run.
        points: Takes the thumbnails of the map.
        gallery: Takes the larger thumbnails of the neighbors.
    """
    measured, seen = record.representation, record.seen
    if seen is None and not measured:
        return None
    figures = measured.get("figures", {})
    return Representation(
        split=seen.sample.split if seen else "",
        blessed=measured.get("blessed"),
        figures=tuple(
            Figure(name, title, figures[name], reading)
            for name, (title, reading) in FIGURE_TITLES.items()
            if name in figures
        ),
        counts=measured.get("counts", {}),
        checks=tuple(measured.get("checks", ())),
        comparisons=tuple(measured.get("comparisons", ())),
        map=_map(seen, points) if seen else None,
        rows=_neighbor_rows(seen, gallery) if seen else (),
    )


def _map(seen: Seen, atlas: Atlas) -> EmbeddingMap | None:
    count = min(MAP_IMAGES, len(seen.sample))
    if count < 5:
        return None
    embeddings, sample = seen.embeddings[:count], seen.sample
    layouts, explained = _layouts(embeddings)
    predictions = seen.predictions
    return EmbeddingMap(
        layouts=layouts,
        labels=sample.labels[:count],
        predicted=tuple(predictions.class_names[i] for i in predictions.predicted[:count])
        if predictions
        else (),
        confidence=tuple(float(value) for value in predictions.confidence[:count]) if predictions else (),
        sources=sample.sources[:count],
        tiles=tuple(atlas.add_pixels(sample.ids[index], sample.pixels(index)) for index in range(count)),
        explained=explained,
    )


def _layouts(embeddings: npt.NDArray[np.float32]) -> tuple[dict[str, npt.NDArray[Any]], float]:
    """Return coordinates per method, and the share of the variance that two PCA components explain."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    if embeddings.std(axis=0).max() < _COLLAPSED:
        return {"PCA": np.zeros([len(embeddings), 2])}, 1.0  # all points are the same
    pca = PCA(min(50, *embeddings.shape), random_state=_SEED)
    reduced = pca.fit_transform(embeddings.astype(np.float64))
    tsne = TSNE(init="pca", perplexity=min(30.0, (len(embeddings) - 1) / 3), random_state=_SEED)
    layouts = {"PCA": reduced[:, :2], "t-SNE": tsne.fit_transform(reduced)}
    return layouts, float(pca.explained_variance_ratio_[:2].sum())


def _neighbor_rows(seen: Seen, atlas: Atlas) -> tuple[NeighborRow, ...]:
    """Return one query per class, then the queries whose neighbors agree least."""
    labels = np.array([label or "" for label in seen.sample.labels])
    count = min(NUM_NEIGHBORS, len(labels) - 1)
    if count < 1:
        return ()
    nearest, similarity = _nearest(seen.embeddings, count)
    agreement = (labels[nearest] == labels[:, np.newaxis]).mean(axis=1)
    has_labels = any(labels.tolist())
    if not has_labels:  # without classes: the distance to the neighbors
        agreement = similarity.mean(axis=1)
    order = np.lexsort((-similarity[:, 0], agreement))
    worst = order[:_WORST]
    _, first = np.unique(labels, return_index=True)
    typical = np.sort(first)[:_TYPICAL] if has_labels else np.arange(min(_TYPICAL, len(labels)))

    def picture(index: int, cosine: float, query: int) -> Neighbor:
        sample = seen.sample
        known = sample.labels[index] is not None and sample.labels[query] is not None
        return Neighbor(
            atlas.add_pixels(sample.ids[index], sample.pixels(index)),
            sample.labels[index] or "",
            sample.sources[index],
            cosine,
            sample.labels[index] == sample.labels[query] if known and index != query else None,
        )

    rows = []
    for is_worst, queries in ((False, typical), (True, worst)):
        for query in queries.tolist():
            neighbors = tuple(
                picture(int(index), float(cosine), query)
                for index, cosine in zip(nearest[query], similarity[query], strict=True)
            )
            rows.append(NeighborRow(picture(query, 1.0, query), neighbors, is_worst))
    return tuple(rows)


def _nearest(
    embeddings: npt.NDArray[np.float32], count: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return indices and cosines of the nearest other images of each image, [N, count], nearest first."""
    indices, cosines = [], []
    for start in range(0, len(embeddings), 1_024):
        block = embeddings[start : start + 1_024] @ embeddings.T
        block[np.arange(len(block)), start + np.arange(len(block))] = -np.inf  # not itself
        found = np.argpartition(-block, count - 1, axis=1)[:, :count]
        values = np.take_along_axis(block, found, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        indices.append(np.take_along_axis(found, order, axis=1))
        cosines.append(np.take_along_axis(values, order, axis=1))
    return np.concatenate(indices), np.concatenate(cosines)
