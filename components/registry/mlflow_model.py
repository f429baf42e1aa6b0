"""MLflow's way into a SavedModel of this pipeline.

A copy of this file lies beside each registered model, and MLflow runs that copy ("models from code"): it
needs MLflow and TensorFlow, nothing of this project.
"""

import os

import mlflow
import pandas as pd
import tensorflow as tf
from mlflow.exceptions import MlflowException

SIGNATURES = ("classify_bytes", "embed_bytes", "serving_default")


class SavedModelOfImages(mlflow.pyfunc.PythonModel):
    """Calls a signature: one column of bytes in, a row an image out."""

    def load_context(self, context):
        """Loads the SavedModel that this file lies beside."""
        self._model = tf.saved_model.load(os.path.normpath(context.artifacts["saved_model"]))

    def predict(self, context, model_input, params=None):  # noqa: ARG002 - MLflow's names
        """Answers a batch.

        Args:
            context: MLflow's; not used.
            model_input: DataFrame with one column: encoded images, bytes; for `serving_default` serialized
                tf.train.Example.
            params: `signature_name`, one of those that the model has; the first of SIGNATURES otherwise.

        Returns:
            DataFrame with a column for each output of the signature: text as str, vectors as lists of float.

        Raises:
            MlflowException: INVALID_PARAMETER_VALUE, which the scoring server answers with status 400: an
                image can't be decoded or is too large, or there is no such signature.
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


def _rows(tensor):
    values = tensor.numpy().tolist()
    if tensor.dtype != tf.string:
        return values
    if tensor.shape.rank == 1:
        return [value.decode() for value in values]
    return [[value.decode() for value in row] for row in values]


mlflow.models.set_model(SavedModelOfImages())
