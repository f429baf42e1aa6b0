"""The calls to MLflow itself; each imports MLflow when it is made, as the import takes four seconds."""

import logging
import os
import pathlib
import platform
import posixpath
import shutil
import uuid
from importlib.metadata import version
from typing import TYPE_CHECKING

from tfx_contrastive.components.model.saved import read_signatures
from tfx_contrastive.contract.signatures import CLASSIFY_BYTES, EMBED_BYTES, SERVING_DEFAULT

from .store import CODE_FILE, ENVIRONMENT_FILE, MLMODEL_FILE, REQUIREMENTS_FILE

if TYPE_CHECKING:
    from mlflow.tracking._model_registry.client import ModelRegistryClient

_ARTIFACT_PATH = "model"
_CODE = pathlib.Path(__file__).with_name("mlflow_model.py")  # imports TensorFlow: copied, never imported here
_PACKAGES = ("mlflow", "tensorflow")
_SIGNATURES = (CLASSIFY_BYTES, EMBED_BYTES, SERVING_DEFAULT)  # the model's first one is the default


def connect(uri: str) -> "ModelRegistryClient":
    """Open a client that neither reads nor changes MLflow's global settings.

    It is the part of MlflowClient that talks to the registry; the other part reads fifty migrations first.

    Args:
        uri: `sqlite:///…` of an existing database, or http(s).
    """
    _quieten()
    from mlflow.tracking._model_registry.client import ModelRegistryClient

    return ModelRegistryClient(registry_uri=uri, tracking_uri=uri)


def make_model(client: "ModelRegistryClient", name: str) -> None:
    """Create the registered model `name` if it does not exist."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def is_absent(error: Exception) -> bool:
    """Return whether MLflow raised `error` because the registered model does not exist."""
    return getattr(error, "error_code", "") == "RESOURCE_DOES_NOT_EXIST"


def make_database(path: str) -> None:
    """Create the SQLite file if it does not exist. The caller holds the lock.

    MLflow creates its tables by some fifty migrations, and can't open a file in which they were interrupted.
    They therefore run on a temporary file, which is renamed when they are done.

    Args:
        path: Path of the file.
    """
    if not os.path.exists(path):
        _quieten()
        from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

        unfinished = f"{path}.{uuid.uuid4().hex}"
        store = SqlAlchemyStore(f"sqlite:///{unfinished}")
        store.engine.dispose()
        os.rename(unfinished, path)


def upload(uri: str, name: str, model_dir: str) -> tuple[str, str]:
    """Upload a model as the artifacts of a new MLflow run.

    Args:
        uri: URI of a tracking server.
        name: Name of the registered model and of the experiment that holds the runs.
        model_dir: Local directory of the model.

    Returns:
        URI of the uploaded model and id of the run.
    """
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    experiment = client.get_experiment_by_name(name)
    experiment_id = experiment.experiment_id if experiment else client.create_experiment(name)
    run = client.create_run(experiment_id, run_name=os.path.basename(model_dir)[:12])
    client.log_artifacts(run.info.run_id, model_dir, _ARTIFACT_PATH)
    client.set_terminated(run.info.run_id)
    return posixpath.join(run.info.artifact_uri, _ARTIFACT_PATH), run.info.run_id


def download(uri: str, run_id: str, folder: str) -> str:
    """Download a model that `upload` uploaded.

    Args:
        uri: URI of the tracking server.
        run_id: Id of the run that holds the model.
        folder: Local directory.

    Returns:
        The model's directory under `folder`.
    """
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    return str(client.download_artifacts(run_id, _ARTIFACT_PATH, folder))


def describe(model_dir: str) -> None:
    """Make a SavedModel's directory one that MLflow's pyfunc and scoring server load (docs/serving.md).

    Args:
        model_dir: Local directory, to which this adds `MLmodel`, the code that calls the SavedModel, and the
            versions of the installed packages.

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
    folder = pathlib.Path(model_dir)
    model.save(os.path.join(model_dir, MLMODEL_FILE))
    shutil.copyfile(_CODE, folder / CODE_FILE)
    requirements = "".join(f"{package}=={version(package)}\n" for package in _PACKAGES)
    environment = f"python: {platform.python_version()}\ndependencies: [-r {REQUIREMENTS_FILE}]\n"
    (folder / REQUIREMENTS_FILE).write_text(requirements, encoding="utf-8")
    (folder / ENVIRONMENT_FILE).write_text(environment, encoding="utf-8")


def _quieten() -> None:
    """Disable MLflow's telemetry, and its log of migrations, which would be printed on the terminal."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    for logger in ("mlflow.store.db.utils", "alembic"):
        logging.getLogger(logger).setLevel(logging.WARNING)
