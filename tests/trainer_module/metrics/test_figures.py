"""The label-free figures against NumPy versions, and at the encoders they are there to expose."""

import numpy as np
import pytest
import tensorflow as tf

from tfx_contrastive.trainer_module.metrics.effective_rank import effective_rank
from tfx_contrastive.trainer_module.metrics.embedding_std import embedding_std
from tfx_contrastive.trainer_module.pretrain.watch import contrastive_accuracy


def unit(z: np.ndarray) -> np.ndarray:
    return z / np.linalg.norm(z, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def two_views():
    rng = np.random.default_rng(3)
    z_a = rng.normal(size=(40, 6)) * [3, 2, 1, 1, 0.5, 0.1]
    return z_a, z_a + 0.6 * rng.normal(size=z_a.shape)


def test_contrastive_accuracy_counts_anchors_that_find_their_positive(two_views):
    z, num = unit(np.concatenate(two_views)), len(two_views[0])
    hits = 0
    for i in range(2 * num):
        positive = (i + num) % (2 * num)
        others = [z[i] @ z[k] for k in range(2 * num) if k not in (i, positive)]
        hits += z[i] @ z[positive] > max(others)
    assert 0 < hits < 2 * num
    assert float(contrastive_accuracy(*two_views)) == pytest.approx(hits / (2 * num))


def test_contrastive_accuracy_of_identical_views_is_one_and_of_a_constant_encoder_zero(two_views):
    assert float(contrastive_accuracy(tf.eye(5), tf.eye(5))) == 1
    assert float(contrastive_accuracy(tf.ones([5, 3]), tf.ones([5, 3]))) == 0


def test_effective_rank_is_the_entropy_of_the_spectrum(two_views):
    z = unit(two_views[0])
    variances = np.square(np.linalg.svd(z - z.mean(axis=0), compute_uv=False))
    shares = variances / variances.sum()
    assert float(effective_rank(two_views[0])) == pytest.approx(
        np.exp(-(shares * np.log(shares)).sum()), rel=1e-4
    )


def test_effective_rank_exposes_collapse():
    rng = np.random.default_rng(0)
    line = rng.normal(size=(50, 1)) * np.ones([1, 8])
    assert float(effective_rank(line)) == pytest.approx(1, abs=1e-3)
    assert float(effective_rank(np.full([50, 8], 0.3))) == 0
    axes = np.concatenate([np.eye(8), -np.eye(8)])
    assert float(effective_rank(axes)) == pytest.approx(8, rel=1e-4)


def test_embedding_std(two_views):
    z = unit(two_views[0])
    assert float(embedding_std(two_views[0])) == pytest.approx(
        z.std(axis=0).mean() * np.sqrt(z.shape[1]), rel=1e-5
    )
    assert float(embedding_std(np.full([50, 8], 0.3))) == pytest.approx(0, abs=1e-5)
    assert float(embedding_std(np.concatenate([np.eye(8), -np.eye(8)]))) == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("figure", [effective_rank, embedding_std])
def test_scale_and_half_precision_do_not_matter(figure, two_views):
    z = two_views[0]
    half = tf.constant(z, tf.float16)
    assert figure(half).dtype == tf.float32
    np.testing.assert_allclose(figure(100 * z), figure(z), rtol=1e-4)
    np.testing.assert_allclose(figure(half), figure(z), rtol=1e-2)


def test_figures_run_in_a_graph_with_unknown_batch_size(two_views):
    @tf.function(input_signature=[tf.TensorSpec([None, 6]), tf.TensorSpec([None, 6])])
    def figures(z_a, z_b):
        return (
            contrastive_accuracy(z_a, z_b),
            effective_rank(z_a),
            embedding_std(z_a),
        )

    z_a, z_b = (tf.constant(z, tf.float32) for z in two_views)
    eager = [contrastive_accuracy(z_a, z_b)]
    eager += [figure(z_a) for figure in (effective_rank, embedding_std)]
    np.testing.assert_allclose(figures(z_a, z_b), eager, rtol=1e-4)
