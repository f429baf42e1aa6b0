"""Functions that several objectives share: checks of arguments, distances, means over both anchors."""

from collections.abc import Callable

import tensorflow as tf

from tfx_contrastive.trainer_module.config import ALL_DISTANCES

# Logit that excludes a candidate: its exp is 0, and it is finite, so that gradients are finite.
EXCLUDED = -1e9


def as_views(z_a: tf.Tensor, z_b: tf.Tensor, min_images: int = 1) -> tuple[tf.Tensor, tf.Tensor]:
    """Cast two views to float32, in which every objective computes, and check their shapes.

    Projections may have 16 bits under mixed precision; exp and log in 16 bits would lose the small
    differences that a low temperature amplifies.

    Args:
        z_a: Vectors of view a, float [N, D].
        z_b: Vectors of view b, float [N, D].
        min_images: Smallest N that the objective is defined for.

    Returns:
        Both views, float32 [N, D].

    Raises:
        ValueError: If either is not a matrix of floats, the shapes differ where they are known, or N
            is known and too small.
    """
    a, b = as_matrix(z_a, "z_a"), as_matrix(z_b, "z_b")
    if not a.shape.is_compatible_with(b.shape):
        raise ValueError(
            f"z_a has shape {tuple(a.shape)} and z_b {tuple(b.shape)}: row i of both must be the same "
            "image, projected to the same width [N, D]"
        )
    num = a.shape[0] if a.shape[0] is not None else b.shape[0]
    if num is not None and num < min_images:
        raise ValueError(
            f"the batch has {num} image(s): this objective compares images with each other and needs at "
            f"least {min_images}; raise the batch size"
        )
    return a, b


def unit_views(z_a: tf.Tensor, z_b: tf.Tensor, min_images: int = 1) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return the unit vectors of two views, as `as_views` checks and casts them.

    Returns:
        Those of view a, float32 [N, D], those of view b, float32 [N, D], and all of them, [2N, D], view a
        first.

    Raises:
        ValueError: As `as_views` does.
    """
    a, b = (tf.math.l2_normalize(z, axis=1) for z in as_views(z_a, z_b, min_images))
    return a, b, tf.concat([a, b], axis=0)


def logits_of_others(z: tf.Tensor, temperature: float) -> tf.Tensor:
    """Return the cosine of each view with every other one, divided by the temperature.

    Args:
        z: Unit vectors, float32 [2N, D].
        temperature: Positive number.

    Returns:
        float32 [2N, 2N]; `EXCLUDED` on the diagonal, as no view is its own candidate.
    """
    logits = tf.matmul(z / temperature, z, transpose_b=True)
    return tf.linalg.set_diag(logits, tf.fill(tf.shape(z)[:1], EXCLUDED))


def as_matrix(vectors: tf.Tensor, name: str) -> tf.Tensor:
    """Cast vectors to float32.

    Args:
        vectors: float [N, D].
        name: Name of the argument, for error messages.

    Returns:
        float32 [N, D].

    Raises:
        ValueError: If it is not a matrix of floats.
    """
    tensor = tf.convert_to_tensor(vectors)
    if not tensor.dtype.is_floating:
        raise ValueError(f"{name} has dtype {tensor.dtype.name}: expected floating-point vectors [N, D]")
    if tensor.shape.rank != 2:
        raise ValueError(
            f"{name} has shape {tensor.shape}: expected [N, D]; flatten or pool other dimensions first"
        )
    return tf.cast(tensor, tf.float32)


def check_positive(name: str, value: float) -> None:
    """Check that a parameter is a positive finite number.

    Raises:
        ValueError: If it is not.
    """
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} is {value!r}: expected a positive finite number")


def with_both_anchors(per_image: tf.Tensor) -> tf.Tensor:
    """Return the values of N images, float32 [N], once for each view: float32 [2N], view a first."""
    return tf.concat([per_image, per_image], axis=0)


def mean_of_negatives(as_anchor_a: tf.Tensor, as_anchor_b: tf.Tensor) -> tf.Tensor:
    """Return each anchor's mean cost over its N-1 negatives; the diagonal (the positives) is left out.

    Args:
        as_anchor_a: Cost of the pair (a_i, b_j) to a_i, float32 [N, N].
        as_anchor_b: Cost of the pair (a_i, b_j) to b_j, float32 [N, N].

    Returns:
        float32 [2N]: rows (anchors a) first, then columns (anchors b).
    """
    sums = [
        tf.reduce_sum(costs, axis=axis) - tf.linalg.diag_part(costs)
        for costs, axis in ((as_anchor_a, 1), (as_anchor_b, 0))
    ]
    return tf.concat(sums, axis=0) / tf.cast(tf.shape(as_anchor_a)[0] - 1, tf.float32)


def cosine_to_targets(p_a: tf.Tensor, p_b: tf.Tensor, z_a: tf.Tensor, z_b: tf.Tensor) -> tf.Tensor:
    """Return the cosine of each prediction and the other view's target, which gets no gradient.

    Args:
        p_a: Predictions of view a, float [N, D].
        p_b: Predictions of view b, float [N, D].
        z_a: Targets of view a, float [N, D].
        z_b: Targets of view b, float [N, D].

    Returns:
        float32 [2N]: cos(p_a, z_b), then cos(p_b, z_a).

    Raises:
        ValueError: If the shapes are not four equal [N, D].
    """
    p_a, z_b = as_views(p_a, z_b)
    p_b, z_a = as_views(p_b, z_a)
    p = tf.math.l2_normalize(tf.concat([p_a, p_b], axis=0), axis=1)  # [2N, D]
    z = tf.math.l2_normalize(tf.stop_gradient(tf.concat([z_b, z_a], axis=0)), axis=1)
    return tf.reduce_sum(p * z, axis=1)


def paired_distance(x: tf.Tensor, y: tf.Tensor, distance: str) -> tf.Tensor:
    """Return the distance of row i of `x` to row i of `y`.

    Args:
        x: float32 [N, D].
        y: float32 [N, D].
        distance: One of `config.ALL_DISTANCES`. `cosine` is 1 - cosine similarity, in [0, 2]; the others
            do not normalize the vectors.

    Returns:
        float32 [N], not negative; gradients are finite everywhere (0 where `euclidean` has a cusp).

    Raises:
        ValueError: If there is no such distance.
    """
    if distance == "euclidean":
        return safe_sqrt(tf.reduce_sum(tf.math.squared_difference(x, y), axis=1))
    if distance == "squared_euclidean":
        return tf.reduce_sum(tf.math.squared_difference(x, y), axis=1)
    if distance == "manhattan":
        return tf.reduce_sum(tf.abs(x - y), axis=1)
    if distance == "cosine":
        x, y = tf.math.l2_normalize(x, axis=1), tf.math.l2_normalize(y, axis=1)
        return tf.maximum(1.0 - tf.reduce_sum(x * y, axis=1), 0.0)
    raise _unknown(distance)


def pairwise_distance(x: tf.Tensor, y: tf.Tensor, distance: str) -> tf.Tensor:
    """Return the distance of each row of `x` to each row of `y`.

    One matrix product, except for `manhattan`.

    Args:
        x: float32 [N, D].
        y: float32 [M, D].
        distance: As in `paired_distance`.

    Returns:
        float32 [N, M], not negative.

    Raises:
        ValueError: If there is no such distance.
    """
    if distance == "euclidean":
        return safe_sqrt(_squared_euclidean(x, y))
    if distance == "squared_euclidean":
        return _squared_euclidean(x, y)
    if distance == "manhattan":
        return pairwise_manhattan(x, y)
    if distance == "cosine":
        x, y = tf.math.l2_normalize(x, axis=1), tf.math.l2_normalize(y, axis=1)
        return tf.maximum(1.0 - tf.matmul(x, y, transpose_b=True), 0.0)
    raise _unknown(distance)


def safe_sqrt(x: tf.Tensor) -> tf.Tensor:
    """Return the square root with gradient 0 instead of infinity at 0.

    The inner `where` is needed: without it the gradient at 0 would be infinity times zero, NaN.
    """
    positive = x > 0
    return tf.where(positive, tf.sqrt(tf.where(positive, x, 1.0)), 0.0)


def _squared_euclidean(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    # |x|^2 - 2xy + |y|^2 loses precision far from the origin. A common shift changes no distance, so shift
    # the mean of x to the origin; it is held constant, so gradients don't change either.
    center = tf.stop_gradient(tf.reduce_mean(x, axis=0, keepdims=True))
    x, y = x - center, y - center
    norms_x = tf.reduce_sum(tf.square(x), axis=1)[:, None]
    norms_y = tf.reduce_sum(tf.square(y), axis=1)[None, :]
    return tf.maximum(norms_x + norms_y - tf.matmul(2.0 * x, y, transpose_b=True), 0.0)


def _unknown(distance: str) -> ValueError:
    return ValueError(f"there is no distance {distance!r}: choose one of {', '.join(ALL_DISTANCES)}")


Gradient = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


@tf.custom_gradient
def pairwise_manhattan(x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
    """Return `sum_d |x_id - y_jd|` for all i, j, in memory that does not depend on D.

    Broadcasting to [N, M, D] would keep three such tensors for the gradient (400 MB for N = M = 512 and
    D = 128). A loop over the dimensions needs [N, M] only and stays in the cache. The gradient at a tie is
    0, a subgradient.

    Args:
        x: float32 [N, D].
        y: float32 [M, D].

    Returns:
        float32 [N, M].
    """
    columns_x, columns_y = tf.transpose(x), tf.transpose(y)  # [D, N], [D, M]

    def add(d: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return d + 1, total + tf.abs(columns_x[d][:, None] - columns_y[d][None, :])

    _, distances = tf.while_loop(
        lambda d, _: d < tf.shape(columns_x)[0],
        add,
        (0, tf.zeros([tf.shape(x)[0], tf.shape(y)[0]])),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, None])),
    )
    distances = tf.ensure_shape(distances, [x.shape[0], y.shape[0]])

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        def column(pair: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
            flow = upstream * tf.sign(pair[0][:, None] - pair[1][None, :])  # [N, M]
            return tf.reduce_sum(flow, axis=1), -tf.reduce_sum(flow, axis=0)

        grad_x, grad_y = tf.map_fn(
            column,
            (columns_x, columns_y),
            fn_output_signature=(tf.float32, tf.float32),
            parallel_iterations=2,
        )
        return tf.transpose(grad_x), tf.transpose(grad_y)

    return distances, gradient
