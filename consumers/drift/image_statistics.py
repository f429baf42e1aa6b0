"""Drift of what images are like as files, by TFDV: brightness, contrast, entropy and size."""

import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfx_contrastive.components.examples.model_input import SeenAs, on_ground
from tfx_contrastive.contract.errors import InputError
from tfx_contrastive.contract.examples import BRIGHTNESS, CHANNELS, CONTRAST, ENTROPY, HEIGHT, WIDTH

# Not `num_bytes`: another PNG encoder changes it, and no pixel.
FEATURES = (BRIGHTNESS, CONTRAST, ENTROPY, HEIGHT, WIDTH, CHANNELS)
STATISTICS_FILE = "FeatureStats.pb"


def divergences(
    pixels: Sequence[np.ndarray], reference_dir: str, threshold: float, seen_as: SeenAs
) -> dict[str, float]:
    """Jensen-Shannon divergence of each feature between new images and a split's statistics.

    Args:
        pixels: Decoded images, uint8 [H, W, C] each.
        reference_dir: Directory of StatisticsGen's `FeatureStats.pb` of the training split.
        threshold: TFDV's drift threshold; it is stated in the schema that the comparison needs.
        seen_as: On which ground transparent pixels lie.

    Returns:
        Feature to divergence, base 2, in [0, 1]; features that the reference lacks are left out.

    Raises:
        ValueError: If there are no statistics.
    """
    import tensorflow_data_validation as tfdv
    from tensorflow.io import gfile

    path = posixpath.join(reference_dir, STATISTICS_FILE)
    if not gfile.exists(path):
        raise InputError(f"Received {reference_dir!r}, which holds no {STATISTICS_FILE} of StatisticsGen.")
    reference = tfdv.load_stats_binary(path)
    new = tfdv.generate_statistics_from_dataframe(_frame(_columns(pixels, seen_as)))
    anomalies = tfdv.validate_statistics(new, _schema(threshold), previous_statistics=reference)
    return {
        info.path.step[0]: measured.value
        for info in anomalies.drift_skew_info
        for measured in info.drift_measurements
    }


def _columns(pixels: Sequence[np.ndarray], seen_as: SeenAs) -> Mapping[str, np.ndarray]:
    from tfx_contrastive.components.examples.features import pixel_statistics  # brings tfx_bsl: seconds

    statistics = [pixel_statistics(on_ground(image, seen_as)[np.newaxis]) for image in pixels]
    brightness, contrast, entropy = (np.concatenate(each) for each in zip(*statistics, strict=True))
    sizes = np.array([image.shape for image in pixels], np.int64)
    columns = (brightness, contrast, entropy, sizes[:, 0], sizes[:, 1], sizes[:, 2])
    return dict(zip(FEATURES, columns, strict=True))


def _frame(columns: Mapping[str, np.ndarray]) -> Any:
    import pandas as pd

    return pd.DataFrame(dict(columns))


def _schema(threshold: float) -> Any:
    from tensorflow_metadata.proto.v0 import schema_pb2

    schema = schema_pb2.Schema()
    for name in FEATURES:
        is_size = name in (HEIGHT, WIDTH, CHANNELS)
        feature = schema.feature.add(name=name, type=schema_pb2.INT if is_size else schema_pb2.FLOAT)
        feature.drift_comparator.jensen_shannon_divergence.threshold = threshold
    return schema
