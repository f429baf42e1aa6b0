"""The L1 distance of all pairs, in memory that does not grow with the width."""

from collections.abc import Callable

import tensorflow as tf

Gradient = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


@tf.custom_gradient
def pairwise_manhattan(x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
    """`sum_d |x_id - y_jd|` for all i, j.

    L1 has no matrix product to lean on, and broadcasting to [N, M, D] keeps three such tensors for the
    gradient (400 MB at N = M = 512, D = 128). One dimension at a time needs [N, M] only and stays in
    the cache. The gradient at a tie is 0, a subgradient.

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
