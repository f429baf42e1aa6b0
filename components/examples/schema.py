"""The TFDV schema of the data contract, and the options of StatisticsGen.

TFDV takes a bytes feature for text unless the schema says otherwise: it decodes each value as UTF-8, logs
each failure (tfx issue 1622) and counts the most frequent values. The schema therefore marks `image` as an
image, and features with arbitrary text as not categorical.
"""

from collections.abc import Sequence
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_contrastive.contract.examples import FEATURES, IMAGE, LABEL, Feature

_DTYPES = {"bytes": schema_pb2.BYTES, "int64": schema_pb2.INT, "float": schema_pb2.FLOAT}


def base_schema(class_names: Sequence[str] = ()) -> schema_pb2.Schema:
    """Return the schema that every data set of this project meets.

    Args:
        class_names: The classes that a label may have; empty: any.

    Returns:
        Presence, type, number of values and range of each feature in `contract.examples.FEATURES`.
    """
    schema = schema_pb2.Schema()
    for feature in FEATURES:
        entry = schema.feature.add(name=feature.name, type=_DTYPES[feature.dtype])
        if feature.is_required:
            entry.presence.min_fraction = 1.0
            entry.presence.min_count = 1
            entry.shape.dim.add(size=1)  # as SchemaGen infers it; Transform then gets a dense tensor
        else:
            entry.presence.min_fraction = 0.0
            entry.value_count.min = entry.value_count.max = 1
        _set_domain(entry, feature)
        if feature.name == LABEL and class_names:
            entry.string_domain.value.extend(sorted(class_names))
    return schema


def _set_domain(entry: schema_pb2.Feature, feature: Feature) -> None:
    if feature.name == IMAGE:
        entry.image_domain.SetInParent()
    elif feature.values:
        entry.string_domain.value.extend(feature.values)
    elif feature.dtype == "bytes" and feature.is_required:
        entry.string_domain.is_categorical = schema_pb2.StringDomain.CATEGORICAL_NO
        entry.distribution_constraints.min_domain_mass = 0.0  # no value is unexpected
    elif feature.dtype == "int64":
        entry.int_domain.min = int(feature.least or 0)
        if feature.most is not None:
            entry.int_domain.max = int(feature.most)
    elif feature.dtype == "float":
        entry.float_domain.min, entry.float_domain.max = feature.least or 0.0, feature.most or 0.0
        entry.float_domain.disallow_nan = True


def stats_options() -> Any:
    """Return the `tfdv.StatsOptions` of StatisticsGen, by which images are not taken for text."""
    import tensorflow_data_validation as tfdv

    return tfdv.StatsOptions(schema=base_schema())
