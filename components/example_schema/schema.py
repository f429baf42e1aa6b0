"""Builds the schema of the data contract and the options of StatisticsGen.

TFDV takes a bytes feature for text unless the schema says otherwise: it decodes every value as UTF-8,
logs each failure (tfx issue 1622), and counts the most frequent values. So `image` is an image, and
`image_id` and `source` are not categorical.
"""

from collections.abc import Sequence

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2

IMAGE, LABEL = "image", "label"

_INT_RANGES = {"height": (1, None), "width": (1, None), "channels": (1, 4), "num_bytes": (1, None)}
_FLOAT_RANGES = {"brightness": (0.0, 1.0), "contrast": (0.0, 0.5), "entropy": (0.0, 8.0)}
_NEAR_COPY = ("none", "train")
_BRIGHTNESS_BANDS = ("bright", "dark", "medium")


def base_schema(class_names: Sequence[str] = ()) -> schema_pb2.Schema:
    """The schema that every data set of this project meets.

    Args:
        class_names: The classes that a label may have; empty: any.

    Returns:
        Presence, type, number of values and range of each feature.
    """
    schema = schema_pb2.Schema()
    _add(schema, IMAGE, schema_pb2.BYTES).image_domain.SetInParent()
    # Few labels are the normal case, and a data set without any is allowed.
    label = schema.feature.add(name=LABEL, type=schema_pb2.BYTES)
    label.presence.min_fraction = 0.0
    label.value_count.min = label.value_count.max = 1
    if class_names:
        label.string_domain.value.extend(sorted(class_names))
    for name in ("image_id", "source"):
        feature = _add(schema, name, schema_pb2.BYTES)
        feature.string_domain.is_categorical = schema_pb2.StringDomain.CATEGORICAL_NO
        feature.distribution_constraints.min_domain_mass = 0.0  # any value is a good one
    for name, (low, high) in _INT_RANGES.items():
        domain = _add(schema, name, schema_pb2.INT).int_domain
        domain.min = low
        if high is not None:
            domain.max = high
    for name, (least, most) in _FLOAT_RANGES.items():
        bounds = _add(schema, name, schema_pb2.FLOAT).float_domain
        bounds.min, bounds.max = least, most
        bounds.disallow_nan = True
    band = _add(schema, "brightness_band", schema_pb2.BYTES)
    band.string_domain.value.extend(_BRIGHTNESS_BANDS)
    # Examples that a former version has written lack it.
    copy = schema.feature.add(name="near_copy", type=schema_pb2.BYTES)
    copy.presence.min_fraction = 0.0
    copy.value_count.min = copy.value_count.max = 1
    copy.string_domain.value.extend(_NEAR_COPY)
    return schema


def _add(schema: schema_pb2.Schema, name: str, kind: int) -> schema_pb2.Feature:
    feature = schema.feature.add(name=name, type=kind)
    feature.presence.min_fraction = 1.0
    feature.presence.min_count = 1
    feature.shape.dim.add(size=1)  # as SchemaGen infers it: Transform then gets a dense tensor
    return feature


def stats_options() -> tfdv.StatsOptions:
    """Options of StatisticsGen: images are no text, and histograms are as coarse as the report needs."""
    return tfdv.StatsOptions(schema=base_schema())
