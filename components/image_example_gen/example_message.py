"""`tf.train.Example` without TensorFlow, whose import takes seconds: the same messages on the wire."""

import functools
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

_PACKAGE = "tfx_contrastive"
_TYPES = descriptor_pb2.FieldDescriptorProto

# Message -> its fields: name, number, type, repeated. As tensorflow/core/example/{example,feature}.proto
# have them, but for `feature_lists`, which is a SequenceExample's: an Example has nothing at that number.
_MESSAGES: dict[str, tuple[tuple[str, int, Any, bool], ...]] = {
    "BytesList": (("value", 1, _TYPES.TYPE_BYTES, True),),
    "FloatList": (("value", 1, _TYPES.TYPE_FLOAT, True),),
    "Int64List": (("value", 1, _TYPES.TYPE_INT64, True),),
    "Feature": (
        ("bytes_list", 1, "BytesList", False),
        ("float_list", 2, "FloatList", False),
        ("int64_list", 3, "Int64List", False),
    ),
    "FeatureList": (("feature", 1, "Feature", True),),
    "Features": (("feature", 1, "map:Feature", True),),
    "FeatureLists": (("feature_list", 1, "map:FeatureList", True),),
    "Example": (("features", 1, "Features", False), ("feature_lists", 2, "FeatureLists", False)),
}


def parse(record: bytes) -> Any | None:
    """Parses a record.

    Returns:
        The message, with `features.feature` and `feature_lists.feature_list`; None if it is none.
    """
    try:
        return _example_class().FromString(record)
    except message.DecodeError:
        return None


@functools.cache
def _example_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(
        name="tfx_contrastive/example.proto", package=_PACKAGE, syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        described = file.message_type.add(name=name)
        if name == "Feature":
            described.oneof_decl.add(name="kind")
        for field in fields:
            _add_field(described, *field)
            if name == "Feature":
                described.field[-1].oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file) if hasattr(pool, "Add") else pool.AddSerializedFile(file.SerializeToString())
    example = pool.FindMessageTypeByName(f"{_PACKAGE}.Example")
    if hasattr(message_factory, "GetMessageClass"):  # protobuf 4.22 and later
        return message_factory.GetMessageClass(example)
    return message_factory.MessageFactory(pool).GetPrototype(example)


def _add_field(described: Any, name: str, number: int, kind: Any, repeated: bool) -> None:
    label = _TYPES.LABEL_REPEATED if repeated else _TYPES.LABEL_OPTIONAL
    if not isinstance(kind, str):
        described.field.add(name=name, number=number, type=kind, label=label)
        return
    type_name = f".{_PACKAGE}.{kind}"
    if kind.startswith("map:"):  # a map is a repeated message of key and value
        entry_name = f"{name.title().replace('_', '')}Entry"
        entry = described.nested_type.add(name=entry_name)
        entry.options.map_entry = True
        _add_field(entry, "key", 1, _TYPES.TYPE_STRING, False)
        _add_field(entry, "value", 2, kind.removeprefix("map:"), False)
        type_name = f".{_PACKAGE}.{described.name}.{entry_name}"
    described.field.add(name=name, number=number, type=_TYPES.TYPE_MESSAGE, label=label, type_name=type_name)
