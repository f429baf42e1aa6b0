"""The projection head of pretraining; it is thrown away afterwards."""

import keras


def build_projection_head(input_dim: int, dims: tuple[int, ...]) -> keras.Model:
    """Builds the MLP g of SimCLR (arXiv:2002.05709, section 2.1): z = g(h).

    Args:
        input_dim: Width of h.
        dims: Width of each layer; batch norm and ReLU between layers, none after the last.

    Returns:
        Model from h, float [B, input_dim], to z, float32 [B, dims[-1]], not normalised.
    """
    layers = keras.layers
    h = layers.Input((input_dim,), dtype="float32", name="representation")
    z = h
    for index, dim in enumerate(dims[:-1]):
        z = layers.Dense(dim, use_bias=False, name=f"dense{index}")(z)
        z = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"norm{index}")(z)
        z = layers.ReLU(name=f"relu{index}")(z)
    z = layers.Dense(dims[-1], use_bias=False, dtype="float32", name="projection")(z)
    return keras.Model(h, z, name="projection_head")
