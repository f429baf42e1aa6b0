"""The code by which MLflow calls a SavedModel of this pipeline.

Each registered model has a copy of this file, which MLflow runs ("models from code"). It must import MLflow
and TensorFlow only, and nothing of this project.
"""

import os
from typing import Any

import mlflow
import pandas as pd
import tensorflow as tf
from mlflow.exceptions import MlflowException

SIGNATURES = ("classify_bytes", "embed_bytes", "serving_default")


class SavedModelOfImages(mlflow.pyfunc.PythonModel):
    """A SavedModel as an MLflow model: a column of bytes in, one row per image out."""

    def load_context(self, context: Any) -> None:
        """Load the SavedModel from the directory of this file."""
        self._model = tf.saved_model.load(os.path.normpath(context.artifacts["saved_model"]))

    def predict(
        self,
        context: Any,  # noqa: ARG002 - MLflow's name
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Call a signature on a batch.

        Args:
            context: Not used.
            model_input: DataFrame with one column: encoded images, bytes; for `serving_default` serialized
                tf.train.Example.
            params: `signature_name` selects a signature of the model; the default is its first of SIGNATURES.

        Returns:
            DataFrame with one column per output of the signature: text as str, vectors as lists of float.

        Raises:
            MlflowException: INVALID_PARAMETER_VALUE (status 400 of the scoring server) if an image can't be
                decoded or is too large, or the model has no such signature.
        """
        found = self._model.signatures
        name = (params or {}).get("signature_name") or next(each for each in SIGNATURES if each in found)
        if name not in found:
            raise MlflowException.invalid_parameter_value(
                f"The model has the signatures {', '.join(sorted(found))}; received {name!r}."
            )
        (argument,) = found[name].structured_input_signature[1]
        rows = tf.constant(list(model_input.iloc[:, 0]), tf.string)
        try:
            outputs = found[name](**{argument: rows})
        except tf.errors.InvalidArgumentError as error:
            raise MlflowException.invalid_parameter_value(error.message) from error
        return pd.DataFrame({key: _rows(value) for key, value in sorted(outputs.items())})


def _rows(tensor: tf.Tensor) -> list[Any]:
    values: list[Any] = tensor.numpy().tolist()
    if tensor.dtype != tf.string:
        return values
    if tensor.shape.rank == 1:
        return [value.decode() for value in values]
    return [[value.decode() for value in row] for row in values]


mlflow.models.set_model(SavedModelOfImages())
