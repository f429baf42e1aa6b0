"""Encoder bodies by name."""

from collections.abc import Callable

import tensorflow as tf

# From standardised pixels, float [B, H, W, C], to features, float [B, D].
Body = Callable[[tf.Tensor], tf.Tensor]

_BODIES: dict[str, Body] = {}


def register_encoder(name: str) -> Callable[[Body], Body]:
    """Decorator that makes a body available under `name`.

    Raises:
        ValueError: If the name is taken.
    """

    def add(body: Body) -> Body:
        if name in _BODIES:
            raise ValueError(f"an encoder named {name!r} exists already: choose another name")
        _BODIES[name] = body
        return body

    return add


def encoder_names() -> tuple[str, ...]:
    """Names that `EncoderConfig.name` accepts, sorted."""
    return tuple(sorted(_BODIES))


def get_body(name: str) -> Body:
    """The body registered under `name`.

    Raises:
        ValueError: If there is none.
    """
    if name not in _BODIES:
        raise ValueError(f"no encoder is named {name!r}: choose one of {', '.join(encoder_names())}")
    return _BODIES[name]
