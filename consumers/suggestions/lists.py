"""Lists of images for a person to label or correct; a run reads them again as labels files."""

import csv
import dataclasses
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tfx_contrastive.components.embeddings import store
from tfx_contrastive.components.embeddings.store import read_images
from tfx_contrastive.contract.errors import InputError
from tfx_contrastive.contract.examples import TRAIN

from . import choosing


@dataclasses.dataclass(frozen=True)
class Line:
    """An image of a list.

    Attributes:
        image_id: SHA-256 of its size and pixels, hex, by which ImageExampleGen finds the image again.
        source: Place of the image, relative to the data root.
        split: `train`, `eval` or `test`.
        label: The label that a person fills in or corrects.
        guess: The most probable class; empty if it is not known.
        score: Uncertainty of a suggestion (1 is most uncertain), or probability of a suspicious label.
        place: File of examples that holds the image, and position in it.
    """

    image_id: str
    source: str
    split: str
    label: str
    guess: str
    score: float
    place: tuple[str, int]


@dataclasses.dataclass(frozen=True)
class Worklist:
    """Images for a person to look at, the number of candidates, and the URI of their examples."""

    lines: tuple[Line, ...]
    num_candidates: int
    examples_uri: str

    def images(self) -> dict[str, bytes]:
        """Return the encoded images, by `image_id`.

        Raises:
            ValueError: If the examples are not there any more.
        """
        return read_images(self.examples_uri, [(line.image_id, *line.place) for line in self.lines])


def suggestions(embeddings_uri: str, num: int, seed: int) -> Worklist:
    """Return the images whose labels would help most.

    They come from `train`, and only labels of `train` decide, because a choice that depends on `eval` or
    `test` would make the results measured there too good. Only if no image has a label yet, images of `eval`
    and `test` are suggested too. They are drawn at random, so that results can be measured on them.

    Args:
        embeddings_uri: URI of an Embeddings artifact.
        num: Number of images.
        seed: Seed of clusters and random draws.

    Raises:
        ValueError: If every image has a label.
    """
    rows, vectors = store.read_compared(embeddings_uri)
    labels, splits = _column(rows, "label"), _column(rows, "split")
    is_labeled, in_train = labels != "", splits == TRAIN
    candidates = np.flatnonzero(~is_labeled & in_train)
    measured = np.flatnonzero(~in_train) if not is_labeled.any() else np.array([], np.int64)
    total = len(candidates) + len(measured)
    if not total:
        raise InputError("Every image of train has a label already: there is nothing to suggest.")
    share = min(len(measured), round(num * len(measured) / total))
    drawn = np.random.default_rng(seed).choice(measured, share, replace=False)
    known = np.flatnonzero(is_labeled & in_train)
    choice = choosing.choose(vectors[candidates], vectors[known], labels[known], num - len(drawn), seed)
    chosen = np.concatenate([candidates[choice.rows], drawn])
    guesses = (*choice.guesses, *("" for _ in drawn))
    scores = np.concatenate([choice.uncertainties, np.full(len(drawn), np.nan)])
    blank = np.full(len(chosen), "", object)
    return Worklist(_lines(rows, chosen, blank, guesses, scores), total, _examples_uri(embeddings_uri))


def suspects(embeddings_uri: str, num: int, seed: int) -> Worklist:
    """Return the labels of all splits that are most probably wrong.

    Args:
        embeddings_uri: URI of an Embeddings artifact.
        num: Maximum number of labels.
        seed: Seed of the division into folds.

    Raises:
        ValueError: If too few images have a label.
    """
    rows, vectors = store.read_compared(embeddings_uri)
    labels = _column(rows, "label")
    known = np.flatnonzero(labels != "")
    found = choosing.find_suspects(vectors[known], labels[known], num, seed)
    chosen = known[found.rows]
    lines = _lines(rows, chosen, labels[chosen], found.proposals, found.confidences)
    return Worklist(lines, len(known), _examples_uri(embeddings_uri))


def to_csv(lines: Sequence[Line], score_name: str) -> str:
    """Return the list as CSV. A person fills in or corrects `label`; the other columns describe the image."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(("label", "guess", score_name, "source", "split", "image_id"))
    for line in lines:
        score = "" if np.isnan(line.score) else f"{line.score:.3f}"
        writer.writerow((line.label, line.guess, score, line.source, line.split, line.image_id))
    return buffer.getvalue()


def _lines(
    rows: pa.Table, chosen: NDArray[Any], labels: NDArray[Any], guesses: Sequence[str], scores: NDArray[Any]
) -> tuple[Line, ...]:
    taken = rows.take(pa.array(chosen)).to_pylist()
    return tuple(
        Line(
            row["image_id"],
            row["source"],
            row["split"],
            str(label),
            guess,
            float(score),
            (row["examples_file"], row["record"]),
        )
        for row, label, guess, score in zip(taken, labels, guesses, scores, strict=True)
    )


def _column(rows: pa.Table, name: str) -> NDArray[Any]:
    """Return a column of text, object [N]; null becomes an empty text."""
    return np.array([value or "" for value in rows[name].to_pylist()], object)


def _examples_uri(embeddings_uri: str) -> str:
    return store.read_meta(embeddings_uri).examples_uri
