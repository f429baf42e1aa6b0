from typing import Any

import keras
import numpy as np
import pytest

from tfx_contrastive.trainer_module.config import AdamW, EncoderConfig, FineTuneConfig
from tfx_contrastive.trainer_module.encoders.build import build_encoder
from tfx_contrastive.trainer_module.head.student import layerwise_optimizers

CONFIG = FineTuneConfig(
    optimizer=AdamW(learning_rate=1.0, warmup_fraction=0.1), layer_decay=0.5, num_steps=100
)


def head_of(width: int) -> keras.Model:
    h = keras.Input((width,))
    return keras.Model(h, keras.layers.Dense(3)(h))


def test_a_section_is_a_kernel_with_its_batch_norm_and_the_head_is_last() -> None:
    encoder = build_encoder(EncoderConfig(name="c4n"), (8, 8, 1), [0.3], [0.4])
    head = head_of(128)
    optimizers = layerwise_optimizers(encoder, head, CONFIG)
    owned = [[variable.path for variable in variables] for _, variables in optimizers]
    assert owned[-1] == [variable.path for variable in head.trainable_variables]
    assert [paths[0].split("/")[0] for paths in owned[:-1]] == [f"layer{index}_conv" for index in range(4)]
    assert all(len(paths) == 3 for paths in owned[:-1])  # kernel, scale and offset of its batch norm


@pytest.mark.parametrize("layers", [3, 30])
def test_every_variable_is_owned_once_in_at_most_nine_sections(layers: Any) -> None:
    pixels = keras.Input((8, 8, 1))
    x = pixels
    for _ in range(layers):
        x = keras.layers.Conv2D(2, 3, padding="same")(x)
    encoder = keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(x))
    head = head_of(2)
    optimizers = layerwise_optimizers(encoder, head, CONFIG)
    owned = [variable.path for _, variables in optimizers for variable in variables]
    assert owned == [v.path for v in (*encoder.trainable_variables, *head.trainable_variables)]
    assert len(optimizers) == min(layers, 8) + 1


def test_rates_follow_the_schedule_and_the_decay() -> None:
    encoder = build_encoder(EncoderConfig(name="c4n"), (8, 8, 1), [0.3], [0.4])
    optimizers = layerwise_optimizers(encoder, head_of(128), CONFIG)
    for optimizer, variables in optimizers:  # ten steps of warm-up
        for _ in range(10):
            optimizer.apply([np.zeros(variable.shape, np.float32) for variable in variables], variables)
    rates = [float(optimizer.learning_rate) for optimizer, _ in optimizers]
    np.testing.assert_allclose(rates, [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1], rtol=1e-5)
