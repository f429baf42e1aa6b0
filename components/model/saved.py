"""A SavedModel: its signatures and its digest, read without loading it; and calls of its signatures."""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tfx_contrastive.contract import files
from tfx_contrastive.contract.errors import InputError

SAVED_MODEL_FILE = "saved_model.pb"


@dataclasses.dataclass(frozen=True)
class TensorSpec:
    """The dtype of a tensor by name, and its shape, in which None is a dimension of any size."""

    dtype: str
    shape: tuple[int | None, ...] | None


@dataclasses.dataclass(frozen=True)
class Signature:
    """The input and output tensors of a signature, by name."""

    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]


def read_signatures(model_dir: str) -> dict[str, Signature]:
    """Read the signatures of a SavedModel.

    Args:
        model_dir: Directory that holds `saved_model.pb`, local or on an object store.

    Returns:
        The signatures by name, without TensorFlow's internal ones.

    Raises:
        ValueError: If `saved_model.pb` can't be parsed, as after an interrupted copy.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    path = files.join(model_dir, SAVED_MODEL_FILE)
    content = files.read_bytes(path)
    try:
        model = saved_model_pb2.SavedModel.FromString(content)
    except DecodeError as error:
        raise InputError(
            f"{path!r} can't be read as a SavedModel ({error}); it may be an incomplete copy. "
            "Push the model again."
        ) from error
    return {
        name: Signature(_specs(signature.inputs), _specs(signature.outputs))
        for graph in model.meta_graphs
        if "serve" in graph.meta_info_def.tags
        for name, signature in graph.signature_def.items()
        if not name.startswith("__")
    }


def model_digest(model_dir: str, ignored: frozenset[str] = frozenset()) -> str:
    """Return the digest of a directory's file names and contents; empty directories don't count.

    Args:
        model_dir: Directory of a SavedModel, local or on an object store.
        ignored: Names of files and folders in the top directory that don't belong to the model.

    Returns:
        SHA-256, hex. Equal for copies of a model in different places.
    """
    digest = hashlib.sha256()
    for name in files.find(model_dir):
        if name.partition("/")[0] in ignored:
            continue
        content = hashlib.sha256()
        with files.open_binary(files.join(model_dir, name)) as file:
            while chunk := file.read(1 << 20):
                content.update(chunk)
        digest.update(f"{name}\0{content.hexdigest()}\n".encode())
    return digest.hexdigest()


class LoadedModel:
    """A SavedModel in memory, whose signatures take one string tensor each."""

    def __init__(self, model_dir: str):
        """Load the model.

        Args:
            model_dir: Directory of the SavedModel, local or remote.
        """
        import tensorflow as tf

        self._tf: Any = tf
        self._model_dir = model_dir
        self._model: Any = tf.saved_model.load(model_dir)  # signatures live as long as the model

    @property
    def signatures(self) -> dict[str, list[str]]:
        """The names of the outputs of each signature, both sorted."""
        found = self._model.signatures
        return {name: sorted(found[name].structured_outputs) for name in sorted(found)}

    def require(self, signature: str, output: str, advice: str) -> None:
        """Check that a signature exists and has an output.

        Raises:
            InputError: If it does not; the text ends with `advice`.
        """
        if output not in self.signatures.get(signature, ()):
            raise InputError(
                f"{self._model_dir!r} has the signatures {self.signatures}; expected {signature!r} with the "
                f"output {output!r}. {advice}"
            )

    def call(
        self, signature: str, rows: Sequence[bytes], batch_size: int | None = None
    ) -> dict[str, npt.NDArray[Any]]:
        """Call a signature.

        Args:
            signature: Name of the signature.
            rows: Input strings, N: encoded images or serialized tf.train.Example.
            batch_size: Maximum number of rows per call; None for all rows in one call.

        Returns:
            Outputs by name, each with N rows; text as object arrays of bytes.

        Raises:
            tf.errors.InvalidArgumentError: If the model can't read a row.
        """
        function = self._model.signatures[signature]
        (argument,) = function.structured_input_signature[1]
        step = batch_size or max(len(rows), 1)
        answers = [
            function(**{argument: self._tf.constant(list(rows[start : start + step]), self._tf.string)})
            for start in range(0, max(len(rows), 1), step)
        ]
        return {name: np.concatenate([answer[name].numpy() for answer in answers]) for name in answers[0]}

    def variables(self, signature: str) -> list[Any]:
        """Return the `tf.Variable`s that a signature reads."""
        return list(self._model.signatures[signature].variables)


def _specs(tensors: Mapping[str, Any]) -> dict[str, TensorSpec]:
    import tensorflow as tf

    return {name: TensorSpec(tf.as_dtype(info.dtype).name, _shape(info)) for name, info in tensors.items()}


def _shape(info: Any) -> tuple[int | None, ...] | None:
    if info.tensor_shape.unknown_rank:
        return None
    return tuple(None if axis.size < 0 else axis.size for axis in info.tensor_shape.dim)
