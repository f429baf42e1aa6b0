from typing import Any

import keras
import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from tfx_contrastive.trainer_module.config import AdamW, AnyOptimizer, Lars, Sgd
from tfx_contrastive.trainer_module.training.optimizer import LARS, build_optimizer

parse = TypeAdapter(AnyOptimizer).validate_python
GENERATOR = np.random.default_rng(0)
KERNEL, BIAS = GENERATOR.normal(size=(3, 4)), GENERATOR.normal(size=4)
GRADIENTS = [(GENERATOR.normal(size=(3, 4)), GENERATOR.normal(size=4)) for _ in range(3)]


def lars_reference(
    weights: Any, gradients: Any, rate: Any, momentum: Any, decay: Any, trust: Any, adapted: Any
) -> Any:
    """SimCLR's form, step by step in NumPy."""
    velocity = np.zeros_like(weights)
    for gradient in gradients:
        scale = 1.0
        if adapted:
            gradient = gradient + decay * weights
            scale = trust * np.linalg.norm(weights) / np.linalg.norm(gradient)
        velocity = momentum * velocity + rate * scale * gradient
        weights = weights - velocity
    return weights


def test_lars_is_simclrs() -> None:
    optimizer = LARS(0.5, momentum=0.9, weight_decay=0.1, trust_coefficient=0.02)
    kernel, bias = keras.Variable(KERNEL, name="kernel"), keras.Variable(BIAS, name="bias")
    for gradients in GRADIENTS:
        optimizer.apply(gradients, [kernel, bias])
    kernel_gradients, bias_gradients = zip(*GRADIENTS, strict=True)
    settings = (0.5, 0.9, 0.1, 0.02)
    np.testing.assert_allclose(kernel, lars_reference(KERNEL, kernel_gradients, *settings, True), rtol=1e-5)
    np.testing.assert_allclose(bias, lars_reference(BIAS, bias_gradients, *settings, False), rtol=1e-5)


def test_lars_adapts_the_rate_of_a_convolution() -> None:
    start, gradient = GENERATOR.normal(size=(3, 3, 2, 4)), GENERATOR.normal(size=(3, 3, 2, 4))
    optimizer = LARS(0.5, momentum=0.9, weight_decay=0.1, trust_coefficient=0.02)
    kernel = keras.Variable(start, name="kernel")
    optimizer.apply([gradient], [kernel])
    np.testing.assert_allclose(
        kernel, lars_reference(start, [gradient], 0.5, 0.9, 0.1, 0.02, True), rtol=1e-5, atol=1e-6
    )


def test_lars_moves_from_zero_weights_and_stays_at_zero_gradients() -> None:
    optimizer = LARS(0.5, momentum=0.0)
    kernel, still = keras.Variable(np.zeros((2, 2))), keras.Variable(np.ones((2, 2)))
    optimizer.apply([np.ones((2, 2)), np.zeros((2, 2))], [kernel, still])
    np.testing.assert_allclose(kernel, np.full((2, 2), -0.5))
    np.testing.assert_array_equal(still, np.ones((2, 2)))


def test_lars_is_rebuilt_from_its_configuration() -> None:
    optimizer = LARS(0.5, momentum=0.8, weight_decay=0.1, trust_coefficient=0.02, global_clipnorm=3.0)
    assert LARS.from_config(optimizer.get_config()).get_config() == optimizer.get_config()


@pytest.mark.parametrize(
    ("config", "kind"),
    [(AdamW(), keras.optimizers.AdamW), (Sgd(nesterov=False), keras.optimizers.SGD), (Lars(), LARS)],
    ids=lambda value: getattr(value, "name", ""),
)
def test_each_warms_up_and_ends_at_zero(config: Any, kind: Any) -> None:
    optimizer = build_optimizer(config.model_copy(update={"warmup_fraction": 0.1, "clip_norm": 2.0}), 100)
    assert type(optimizer) is kind
    assert optimizer.global_clipnorm == 2.0
    optimizer.build([keras.Variable(KERNEL, name="kernel")])
    rates = []
    for step in range(101):
        optimizer.iterations.assign(step)
        rates.append(float(optimizer.learning_rate))
    assert rates[0] == 0.0
    assert rates[5] == pytest.approx(config.learning_rate / 2)
    assert max(rates) == rates[10] == pytest.approx(config.learning_rate)
    assert rates[100] == pytest.approx(0.0, abs=1e-6)


def test_biases_are_not_decayed() -> None:
    for config in (AdamW(weight_decay=0.5, warmup_fraction=0), Sgd(weight_decay=0.5, warmup_fraction=0)):
        kernel, bias = keras.Variable(KERNEL, name="kernel"), keras.Variable(BIAS, name="bias")
        build_optimizer(config, 10).apply([np.zeros_like(KERNEL), np.zeros_like(BIAS)], [kernel, bias])
        np.testing.assert_allclose(kernel, KERNEL * (1.0 - 0.5 * config.learning_rate), rtol=1e-5)
        np.testing.assert_allclose(bias, BIAS, rtol=1e-6)


def test_without_a_name_it_is_adamw() -> None:
    assert parse({"learning_rate": 0.5}) == AdamW(learning_rate=0.5)
    assert parse({"name": "lars"}) == Lars()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "adam"}, "choose one of adamw, sgd, lars"),
        ({"momentum": 0.9}, "adamw.momentum\n  Extra inputs are not permitted"),
    ],
)
def test_what_makes_no_sense_is_refused(settings: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        parse(settings)
