"""Figures of a set of embeddings. All of them compare encoders on the same images only."""

import warnings

import numpy as np


def effective_rank(embeddings: np.ndarray) -> float:
    """Effective rank of the covariance (Roy & Vetterli, 2007): exp of the entropy of its spectrum.

    The number of directions in which embeddings differ. It says nothing about whether the directions
    are useful (random convolutions reach what trained ones do) and grows with the number of images.

    Args:
        embeddings: float [N, D].

    Returns:
        Between 1 and min(N - 1, D); 0 for embeddings that are all the same.
    """
    centred = embeddings - embeddings.mean(axis=0)
    variances = np.square(np.linalg.svd(centred.astype(np.float64), compute_uv=False))
    if variances.sum() < 1e-9 * len(embeddings):
        return 0.0
    shares = variances / variances.sum()
    shares = shares[shares > 0]
    return float(np.exp(-(shares * np.log(shares)).sum()))


def embedding_std(embeddings: np.ndarray) -> float:
    """Mean standard deviation of a dimension times sqrt(D) (the collapse check of SimSiam, arXiv:2011.10566).

    Args:
        embeddings: L2-normalised, float [N, D].

    Returns:
        0 for a constant encoder, about 1 for embeddings spread evenly on the sphere.
    """
    return float(embeddings.std(axis=0).mean() * np.sqrt(embeddings.shape[1]))


def uniformity(embeddings: np.ndarray) -> float:
    """Uniformity at t = 2 (Wang & Isola, arXiv:2005.10242, eq. 3): log mean exp(-2 |x - y|^2) over pairs.

    Args:
        embeddings: L2-normalised, float [N, D], N at least 2.

    Returns:
        0 for a constant encoder; lower is more evenly spread, down to about -4.
    """
    squared = np.maximum(2.0 - 2.0 * (embeddings @ embeddings.T), 0.0)
    size = len(embeddings)
    total = np.exp(-2.0 * squared).sum(dtype=np.float64) - np.exp(-2.0 * np.diag(squared)).sum(
        dtype=np.float64
    )
    return float(np.log(total / (size * (size - 1))))


def alignment(view_a: np.ndarray, view_b: np.ndarray) -> float:
    """Alignment (Wang & Isola, eq. 2): mean squared distance of two views of an image.

    Must not be read alone: a constant encoder has the best value, 0.

    Args:
        view_a: L2-normalised, float [N, D].
        view_b: The same images seen otherwise, float [N, D].

    Returns:
        Between 0 and 4.
    """
    return float(np.square(view_a - view_b).sum(axis=1).mean())


def view_retrieval(view_a: np.ndarray, view_b: np.ndarray) -> float:
    """Mean reciprocal rank of an image's own view among the views of all images.

    Args:
        view_a: L2-normalised, float [N, D].
        view_b: The same images seen otherwise, float [N, D].

    Returns:
        1 where each view finds its image; about ln(N) / N by chance. Ties count against the encoder.
    """
    return float(reciprocal_ranks(view_a, view_b).mean())


def reciprocal_ranks(view_a: np.ndarray, view_b: np.ndarray) -> np.ndarray:
    """Reciprocal rank of each image's own view among the views of all, float [N]; see `view_retrieval`."""
    similarity = view_b @ view_a.T
    ranks = (similarity >= np.diag(similarity)[:, None]).sum(axis=1)
    return 1.0 / np.maximum(ranks, 1)


def knn_hits(
    bank: tuple[np.ndarray, np.ndarray], queries: tuple[np.ndarray, np.ndarray], k: int, temperature: float
) -> np.ndarray:
    """Which queries the weighted kNN probe gets right (Wu et al., arXiv:1805.01978, section 3.4).

    Args:
        bank: L2-normalised embeddings, float [N, D], and labels, int [N], from 0.
        queries: L2-normalised embeddings, float [M, D], and labels, int [M]; -1 matches nothing.
        k: Neighbours that vote; all of the bank where it is smaller.
        temperature: A neighbour's vote is exp(cosine / temperature).

    Returns:
        Whether each query gets its label, bool [M].
    """
    bank_embeddings, bank_labels = bank
    embeddings, labels = queries
    k, num_classes = min(k, len(bank_labels)), int(bank_labels.max()) + 1
    hits = []
    for start in range(0, len(labels), 1_024):
        similarity = embeddings[start : start + 1_024] @ bank_embeddings.T
        nearest = np.argpartition(-similarity, k - 1, axis=1)[:, :k]
        # relative to the nearest one: exp(cosine / 0.01) would overflow float32
        cosine = np.take_along_axis(similarity, nearest, axis=1)
        weights = np.exp((cosine - cosine.max(axis=1, keepdims=True)) / temperature)
        votes = np.zeros([len(similarity), num_classes])
        np.add.at(votes, (np.arange(len(similarity))[:, None], bank_labels[nearest]), weights)
        hits.append(votes.argmax(axis=1) == labels[start : start + 1_024])
    return np.concatenate(hits)


def knn_accuracy(
    bank: tuple[np.ndarray, np.ndarray], queries: tuple[np.ndarray, np.ndarray], k: int, temperature: float
) -> float:
    """Share of the queries that the kNN probe gets right; see `knn_hits`."""
    return float(knn_hits(bank, queries, k, temperature).mean())


class LinearProbe:
    """Multinomial logistic regression on standardised features, its strength chosen by cross-validation."""

    STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0)

    def __init__(self, features: np.ndarray, labels: np.ndarray, seed: int):
        """Fits the probe.

        Args:
            features: float [N, D].
            labels: int [N], two classes at least. With one image in some class there is nothing to
                cross-validate: the middle strength is used.
            seed: Seed of the folds.
        """
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import GridSearchCV, StratifiedKFold
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        folds = min(3, int(np.bincount(labels).min()))
        probe = make_pipeline(
            StandardScaler(), LogisticRegression(C=self.STRENGTHS[1], max_iter=300, tol=1e-3)
        )
        if folds >= 2:
            splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
            probe = GridSearchCV(probe, {"logisticregression__C": list(self.STRENGTHS)}, cv=splitter)
        with warnings.catch_warnings():
            # the weakest strength rarely converges fully, and rarely is the one that is chosen
            warnings.simplefilter("ignore", ConvergenceWarning)
            self._probe = probe.fit(features, labels)

    def accuracy(self, features: np.ndarray, labels: np.ndarray) -> float:
        """Share of rows (float [M, D]) that get their label (int [M])."""
        return float(self.hits(features, labels).mean())

    def hits(self, features: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Which rows (float [M, D]) get their label (int [M]); bool [M]."""
        return self._probe.predict(features) == labels
