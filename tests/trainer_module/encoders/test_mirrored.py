import keras
import numpy as np

from tfx_contrastive.trainer_module.config import EncoderConfig
from tfx_contrastive.trainer_module.encoders.build import build_encoder, mirrored

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 12, 10, 3), dtype=np.uint8)


def build() -> keras.Model:
    keras.utils.set_random_seed(0)
    config = EncoderConfig(pooling_grid=2, latent_dim=16)
    return build_encoder(config, (12, 10, 3), [0.3] * 3, [0.4] * 3)


def test_it_is_the_mean_over_both_mirror_images() -> None:
    encoder = build()
    h, mirror = (encoder(pixels, training=False).numpy() for pixels in (PIXELS, PIXELS[:, :, ::-1]))
    assert np.abs(h - mirror).max() > 1e-3
    both = mirrored(encoder)
    np.testing.assert_allclose(both(PIXELS, training=False), (h + mirror) / 2, atol=1e-6)
    np.testing.assert_allclose(both(PIXELS[:, :, ::-1], training=False), (h + mirror) / 2, atol=1e-6)


def test_weights_are_shared() -> None:
    encoder = build()
    both = mirrored(encoder)
    before = both(PIXELS, training=False).numpy()
    encoder.set_weights([weight * 1.1 for weight in encoder.get_weights()])
    assert np.abs(both(PIXELS, training=False).numpy() - before).max() > 1e-3
    assert both.count_params() == encoder.count_params()
