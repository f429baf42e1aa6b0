"""The calls to MLflow itself. Its import takes about four seconds: it happens here, when needed."""

import logging
import os
import posixpath
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow.tracking._model_registry.client import ModelRegistryClient

_ARTIFACT_PATH = "model"


def connect(uri: str, name: str) -> "ModelRegistryClient":
    """Opens a client; makes the registered model if there is none.

    Args:
        uri: `sqlite:///…` or http(s).
        name: Name of the registered model.

    Returns:
        The client, which knows nothing of MLflow's global settings and leaves them alone. It is the part
        of MlflowClient that talks to the registry: the other part would read fifty migrations first.
    """
    _quieten()
    from mlflow.exceptions import MlflowException
    from mlflow.tracking._model_registry.client import ModelRegistryClient

    client = ModelRegistryClient(registry_uri=uri, tracking_uri=uri)
    try:
        client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        try:
            client.create_registered_model(name)
        except MlflowException as raced:  # another process made it in between
            if raced.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
    return client


def make_database(path: str) -> None:
    """Makes the SQLite file if there is none: beside its place, then renamed. The caller holds the lock.

    MLflow builds its tables by some fifty migrations; a kill in between leaves a file that it can't
    open again.

    Args:
        path: Of the file.
    """
    if not os.path.exists(path):
        _quieten()
        from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

        unfinished = f"{path}.{uuid.uuid4().hex}"
        store = SqlAlchemyStore(f"sqlite:///{unfinished}")
        store.engine.dispose()
        os.rename(unfinished, path)


def upload(uri: str, name: str, model_dir: str) -> tuple[str, str]:
    """Uploads a model as artifacts of a run of its own.

    Args:
        uri: Of a tracking server.
        name: Name of the registered model, and of the experiment that holds the runs.
        model_dir: Local directory.

    Returns:
        URI of the uploaded model, and the run's id.
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
    """Downloads what `upload` brought there.

    Args:
        uri: Of the tracking server.
        run_id: The run that holds the model.
        folder: Local directory.

    Returns:
        Its directory under `folder`.
    """
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    return client.download_artifacts(run_id, _ARTIFACT_PATH, folder)


def _quieten() -> None:
    """No telemetry from someone's pipeline, and no migration log on someone's terminal."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    for logger in ("mlflow.store.db.utils", "alembic"):
        logging.getLogger(logger).setLevel(logging.WARNING)
