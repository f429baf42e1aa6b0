"""Makes a stored model one that MLflow itself loads and serves (docs/serving.md)."""

import os
import pathlib
import platform
import shutil
from importlib.metadata import version

from tfx_contrastive.components.model.saved import read_signatures
from tfx_contrastive.contract.signatures import CLASSIFY_BYTES, EMBED_BYTES, SERVING_DEFAULT

from .store import CODE_FILE, ENVIRONMENT_FILE, MLMODEL_FILE, REQUIREMENTS_FILE

_CODE = pathlib.Path(__file__).with_name("mlflow_model.py")  # imports TensorFlow: copied, never imported here
_PACKAGES = ("mlflow", "tensorflow")
_SIGNATURES = (CLASSIFY_BYTES, EMBED_BYTES, SERVING_DEFAULT)  # the first that a model has


def describe(model_dir: str) -> None:
    """Adds what MLflow's pyfunc and scoring server need to a SavedModel's directory.

    Args:
        model_dir: Local directory. `MLmodel`, the code that calls the SavedModel, and the versions of the
            packages that it was tried with are written into it.

    Raises:
        ValueError: If the model has none of the signatures.
    """
    import mlflow
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    signatures = read_signatures(model_dir)
    name = next((known for known in _SIGNATURES if known in signatures), None)
    if name is None:
        raise ValueError(
            f"{model_dir!r} has the signatures {sorted(signatures)}; expected one of "
            f"{', '.join(_SIGNATURES)}."
        )
    columns = [ColSpec("binary", argument) for argument in signatures[name].inputs]
    params = ParamSchema([ParamSpec("signature_name", "string", name)])
    model = Model(signature=ModelSignature(inputs=Schema(columns), params=params))
    mlflow.pyfunc.add_to_model(
        model,
        loader_module="mlflow.pyfunc.model",
        model_code_path=CODE_FILE,
        python_env=ENVIRONMENT_FILE,
        artifacts={"saved_model": {"path": ".", "uri": "."}},
    )
    model.save(os.path.join(model_dir, MLMODEL_FILE))
    shutil.copyfile(_CODE, os.path.join(model_dir, CODE_FILE))
    requirements = "".join(f"{package}=={version(package)}\n" for package in _PACKAGES)
    _write(model_dir, REQUIREMENTS_FILE, requirements)
    _write(
        model_dir,
        ENVIRONMENT_FILE,
        f"python: {platform.python_version()}\ndependencies: [-r {REQUIREMENTS_FILE}]\n",
    )


def _write(model_dir: str, name: str, text: str) -> None:
    pathlib.Path(model_dir, name).write_text(text, encoding="utf-8")
