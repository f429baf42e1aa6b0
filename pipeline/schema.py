"""The schema that a run checks its data against: that of a named data set, or a user's own."""

import hashlib
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from tfx_contrastive.contract.examples import CHANNELS, HEIGHT, WIDTH

if TYPE_CHECKING:
    from tensorflow_metadata.proto.v0 import schema_pb2


def check_known(name_or_path: str) -> None:
    """Check that a schema exists.

    Args:
        name_or_path: Name of a data set, or the path of a `.pbtxt` file.

    Raises:
        ValueError: If there is no such schema; the text gives the known names.
    """
    if name_or_path not in _NAMED and not pathlib.Path(name_or_path).is_file():
        raise ValueError(
            f"There is no such schema. Give the path of a .pbtxt file, one of the names "
            f"{', '.join(sorted(_NAMED))}, or null, which infers a schema from the data"
        )


def named(name: str) -> "schema_pb2.Schema":
    """Return the schema of a named data set: the data contract with its classes and image size."""
    return _NAMED[name]()


def staged(name_or_path: str, root: str) -> str:
    """Write a schema to a path named by its content, so that TFX's cache notices an edit.

    Args:
        name_or_path: As `check_known` takes it.
        root: The pipeline's root.

    Returns:
        Path of the file.

    Raises:
        ValueError: If there is no such schema.
    """
    from google.protobuf import text_format

    check_known(name_or_path)
    if name_or_path in _NAMED:
        content = text_format.MessageToString(named(name_or_path)).encode()
    else:
        content = pathlib.Path(name_or_path).read_bytes()
    path = pathlib.Path(root) / "schema" / hashlib.sha256(content).hexdigest()[:16] / "schema.pbtxt"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return str(path)


def _digits() -> "schema_pb2.Schema":
    """Return the schema of scikit-learn's digits: gray images of 8x8."""
    return _gray_square(tuple("0123456789"), 8)


def _fashion_mnist() -> "schema_pb2.Schema":
    """Return the schema of Fashion-MNIST: gray images of 28x28."""
    from tfx_contrastive.components.image_example_gen.adapters.known_data_sets import CLASS_NAMES

    return _gray_square(CLASS_NAMES, 28)


def _gray_square(class_names: tuple[str, ...], side: int) -> "schema_pb2.Schema":
    from tfx_contrastive.components.examples.schema import base_schema

    schema = base_schema(class_names)
    sizes = {HEIGHT: side, WIDTH: side, CHANNELS: 1}
    for feature in schema.feature:
        if feature.name in sizes:
            feature.int_domain.min = feature.int_domain.max = sizes[feature.name]
    return schema


_NAMED: dict[str, "Callable[[], schema_pb2.Schema]"] = {"digits": _digits, "fashion_mnist": _fashion_mnist}
