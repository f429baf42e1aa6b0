"""Mixed precision: which layers of a network compute in bfloat16."""

import contextlib
from collections.abc import Iterator

import keras
import tensorflow as tf

# NVIDIA Ampere, the first GPUs with bfloat16.
_MIN_COMPUTE_CAPABILITY = (8, 0)


@contextlib.contextmanager
def compute_policy(mixed_precision: str) -> Iterator[None]:
    """Networks built inside compute in bfloat16, weights and outputs staying float32.

    Bfloat16 has the range of float32, so that no loss scaling is needed.

    Args:
        mixed_precision: `on`, `off`, or `auto`: on where every GPU has it, off on a CPU, whose
            results then do not depend on which instructions it has.
    """
    before = keras.config.dtype_policy()
    if mixed_precision == "on" or (mixed_precision == "auto" and _gpus_have_bfloat16()):
        keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _gpus_have_bfloat16() -> bool:
    gpus = tf.config.list_physical_devices("GPU")
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    return bool(gpus) and all(
        detail.get("compute_capability", (0, 0)) >= _MIN_COMPUTE_CAPABILITY for detail in details
    )
