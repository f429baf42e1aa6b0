"""The weighted nearest-neighbour probe."""

import numpy as np
import tensorflow as tf

from tfx_contrastive.trainer_module.losses.vectors import as_matrix, check_positive

_QUERIES_AT_ONCE = 1024


def knn_probe(
    train_embeddings: np.ndarray, train_labels: np.ndarray, embeddings: np.ndarray, k: int, temperature: float
) -> np.ndarray:
    """Predicts labels by a weighted vote of the k nearest neighbours (arXiv:1805.01978, section 3.4).

    A neighbour votes for its class with weight exp(cosine / temperature).

    Args:
        train_embeddings: The neighbours, float [N, D]; normalised here.
        train_labels: Their classes, int [N], none negative.
        embeddings: The queries, float [M, D]; normalised here.
        k: Number of neighbours that vote; all of them where there are fewer. 200 in the paper.
        temperature: Positive number; 0.07 in the paper.

    Returns:
        Predicted class of each query, int64 [M]; of tied classes the lowest.

    Raises:
        ValueError: If k or the temperature is not positive, there is no neighbour, or the labels do not
            fit the embeddings.
    """
    check_positive("temperature", temperature)
    bank = tf.math.l2_normalize(as_matrix(train_embeddings, "train_embeddings"), axis=1)
    queries = tf.math.l2_normalize(as_matrix(embeddings, "embeddings"), axis=1)
    labels = _checked_labels(train_labels, int(bank.shape[0]))
    if k < 1:
        raise ValueError(f"k is {k}: expected at least one neighbour")
    num_classes = int(labels.max()) + 1
    predicted = [
        _vote(
            queries[start : start + _QUERIES_AT_ONCE],
            bank,
            labels,
            min(k, len(labels)),
            temperature,
            num_classes,
        )
        for start in range(0, int(queries.shape[0]), _QUERIES_AT_ONCE)
    ]
    return np.concatenate(predicted) if predicted else np.zeros([0], np.int64)


def knn_accuracy(
    train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray], k: int, temperature: float
) -> float:
    """Share of the test embeddings whose label `knn_probe` predicts.

    Must not be compared across numbers of neighbours' images, k or temperatures, nor taken for what a
    trained head reaches. Images must not be their own neighbours: `train` and `test` are disjoint.

    Args:
        train: Embeddings, float [N, D], and labels, int [N].
        test: Embeddings, float [M, D], and labels, int [M]; M >= 1.
        k: As in `knn_probe`.
        temperature: As in `knn_probe`.

    Returns:
        Accuracy in [0, 1].

    Raises:
        ValueError: As `knn_probe`, or if there is no test image.
    """
    if len(test[1]) == 0 or len(test[0]) != len(test[1]):
        raise ValueError(
            f"there are {len(test[0])} test embeddings and {len(test[1])} labels: expected one label each, "
            "and at least one"
        )
    return float(np.mean(knn_probe(train[0], train[1], test[0], k, temperature) == np.asarray(test[1])))


def _vote(
    queries: tf.Tensor, bank: tf.Tensor, labels: np.ndarray, k: int, temperature: float, num_classes: int
) -> np.ndarray:
    cosine, nearest = tf.math.top_k(tf.matmul(queries, bank, transpose_b=True), k)  # [B, k]
    # relative to the nearest one: exp(cosine / 0.01) would overflow
    weights = tf.exp((cosine - cosine[:, :1]) / temperature)
    rows = np.arange(int(queries.shape[0]))[:, None]
    votes = np.zeros([len(rows), num_classes])
    np.add.at(votes, (rows, labels[nearest.numpy()]), weights.numpy())
    return votes.argmax(axis=1)


def _checked_labels(labels: np.ndarray, expected: int) -> np.ndarray:
    labels = np.asarray(labels)
    if expected == 0 or labels.shape != (expected,):
        raise ValueError(
            f"train_labels have shape {labels.shape} for {expected} train_embeddings: "
            "expected one label each, and at least one"
        )
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0:
        raise ValueError(
            "train_labels must be integers from 0: leave unlabelled images (-1) out of the neighbours"
        )
    return labels
