"""Checks that every objective makes of its arguments."""

import tensorflow as tf


def as_views(z_a: tf.Tensor, z_b: tf.Tensor, min_images: int = 1) -> tuple[tf.Tensor, tf.Tensor]:
    """Casts two views to float32, in which every objective computes, and checks their shapes.

    Under mixed precision the projections may be float16: exp and log of such numbers lose the small
    differences that a low temperature is there to see.

    Args:
        z_a: Vectors of view a, float [N, D].
        z_b: Vectors of view b, float [N, D].
        min_images: Smallest N for which the objective is defined.

    Returns:
        The two, float32 [N, D].

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


def as_matrix(vectors: tf.Tensor, name: str) -> tf.Tensor:
    """Casts one set of vectors to float32.

    Args:
        vectors: float [N, D].
        name: What the caller calls it, for the message.

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
    """Refuses a parameter that is not a positive finite number.

    Raises:
        ValueError: If it is not.
    """
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} is {value!r}: expected a positive finite number")
