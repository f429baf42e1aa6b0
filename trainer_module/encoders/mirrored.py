"""An encoder that sees each image twice: as it is, and left-right mirrored."""

import keras


def mirrored(encoder: keras.Model) -> keras.Model:
    """The mean of what an encoder says of an image and of its mirror image.

    A linear classifier on it gives the mean of the two logits: test-time augmentation (as in AlexNet, section
    4.1 of doi:10.1145/3065386, there with crops besides) that costs a second forward pass, in one network.

    Args:
        encoder: Pixels, [B, H, W, C], to h, float32 [B, D]. Its layers are shared, not copied.

    Returns:
        Model from the same pixels to h, float32 [B, D]; the same for an image and for its mirror image.
    """
    pixels = keras.layers.Input(encoder.input_shape[1:], dtype="float32", name="pixels")
    both = encoder(pixels), encoder(keras.ops.flip(pixels, axis=2))
    return keras.Model(pixels, keras.layers.Average(name="representation")(both), name="mirrored_encoder")
