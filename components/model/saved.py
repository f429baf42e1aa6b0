"""What a SavedModel says about itself, read without loading it."""

import dataclasses
import hashlib
import posixpath
from collections.abc import Mapping

from tfx_contrastive.contract.errors import InputError

SAVED_MODEL_FILE = "saved_model.pb"


@dataclasses.dataclass(frozen=True)
class TensorSpec:
    """Type of one tensor: the dtype's name and the shape, None for a dimension that may vary."""

    dtype: str
    shape: tuple[int | None, ...] | None


@dataclasses.dataclass(frozen=True)
class Signature:
    """Tensors of one signature by name."""

    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]


def read_signatures(model_dir: str) -> dict[str, Signature]:
    """Reads the signatures of a SavedModel.

    Args:
        model_dir: Directory that holds `saved_model.pb`, local or on an object store.

    Returns:
        The signatures by name, TensorFlow's own ones left out.

    Raises:
        ValueError: If `saved_model.pb` can't be parsed, as after an interrupted copy.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2
    from tensorflow.io import gfile

    path = posixpath.join(model_dir, SAVED_MODEL_FILE)
    model = saved_model_pb2.SavedModel()
    try:
        with gfile.GFile(path, "rb") as file:
            model.ParseFromString(file.read())
    except DecodeError as error:
        raise InputError(
            f"{path!r} is no SavedModel ({error}): a cut-off copy? Push the model again."
        ) from error
    return {
        name: Signature(_specs(signature.inputs), _specs(signature.outputs))
        for graph in model.meta_graphs
        if "serve" in graph.meta_info_def.tags
        for name, signature in graph.signature_def.items()
        if not name.startswith("__")
    }


def model_digest(model_dir: str, ignored: frozenset[str] = frozenset()) -> str:
    """Digest of a directory's files: names and contents; empty directories don't count.

    Args:
        model_dir: Directory of a SavedModel, local or on an object store.
        ignored: Names at the top of the directory that don't belong to the model.

    Returns:
        SHA-256, hex. Equal for copies of a model, wherever they lie.
    """
    from tensorflow.io import gfile

    names = []
    for folder, _, files in gfile.walk(model_dir):
        relative = folder[len(model_dir) :].strip("/")
        names += [posixpath.join(relative, name) for name in files if relative or name not in ignored]
    digest = hashlib.sha256()
    for name in sorted(names):
        content = hashlib.sha256()
        with gfile.GFile(posixpath.join(model_dir, name), "rb") as file:
            while chunk := file.read(1 << 20):
                content.update(chunk)
        digest.update(f"{name}\0{content.hexdigest()}\n".encode())
    return digest.hexdigest()


def _specs(tensors: Mapping) -> dict[str, TensorSpec]:
    import tensorflow as tf

    return {name: TensorSpec(tf.as_dtype(info.dtype).name, _shape(info)) for name, info in tensors.items()}


def _shape(info) -> tuple[int | None, ...] | None:  # type: ignore[no-untyped-def]
    if info.tensor_shape.unknown_rank:
        return None
    return tuple(None if axis.size < 0 else axis.size for axis in info.tensor_shape.dim)
