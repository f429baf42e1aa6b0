"""The model registry in MLflow: an SQLite file or a tracking server."""

import contextlib
import datetime
import hashlib
import os
import tempfile
from typing import TYPE_CHECKING, Any

from tfx_contrastive.contract.errors import InputError

from . import mlflow_client
from .interface import (
    BLESSED,
    DIGEST,
    INTENT,
    Event,
    ModelVersion,
    VersionRecord,
    description_of,
    events_in,
    find,
    flag,
    from_json,
    new_event_key,
    properties_of,
    to_json,
)
from .store import ModelStore, require_whole, write_lock

if TYPE_CHECKING:
    from mlflow.tracking._model_registry.client import ModelRegistryClient

_PAGE = 1_000


class MlflowRegistry:
    """One registered model in MLflow.

    The embedded registry is `<directory>/registry.sqlite` with the files in `<directory>/models`. With a
    tracking server, the files are uploaded as artifacts of a run, and `<directory>/models` is a cache.
    A version is created with its tags in one transaction, after its files are in place. Reading creates
    nothing: a registry that does not exist yet has no versions.

    Two processes on one machine exclude each other by a file lock. Writers on several machines are separated
    by MLflow's transactions only, in which an alias is one row.
    """

    def __init__(self, name: str, directory: str, uri: str | None = None):
        """Locate the registry.

        Args:
            name: Name of the registered model.
            directory: Local directory for the embedded registry, its files and the lock.
            uri: http(s) URI of a tracking server; None for the embedded registry.

        Raises:
            ValueError: If `directory` is on an object store.
        """
        if "://" in directory:
            raise InputError(
                f"Received the registry directory {directory!r}; expected a local one. "
                "SQLite needs a disk: set the URI of an MLflow server, and a local directory for the cache."
            )
        self._name, self._directory = name, os.path.abspath(directory)
        self._is_server = uri is not None
        self._store = ModelStore(os.path.join(self._directory, "models"))
        self._database = os.path.join(self._directory, "registry.sqlite")
        self._uri = uri or f"sqlite:///{self._database}"
        key = hashlib.sha256(f"{uri}\n{name}".encode()).hexdigest()[:16]
        self._lock_path = (
            os.path.join(tempfile.gettempdir(), f"tfx-contrastive-{os.getuid()}", f"{key}.lock")
            if self._is_server
            else os.path.join(self._directory, "registry.lock")
        )
        self._opened: ModelRegistryClient | None = None

    def exclusive(self) -> contextlib.AbstractContextManager[None]:
        """See ModelRegistry."""
        return write_lock(self._lock_path)

    def register(self, model_dir: str, record: VersionRecord) -> ModelVersion:
        """See ModelRegistry."""
        with self.exclusive():
            client = self._made()
            known = self._by_digest(record.digest)
            if known is not None:
                if known.blessed != record.blessed:
                    client.set_model_version_tag(self._name, str(known.number), BLESSED, flag(record.blessed))
                return find(self, known.number)
            stored = self._store.add(model_dir, record, mlflow_client.describe)
            source, run_id = (
                mlflow_client.upload(self._uri, self._name, stored) if self._is_server else (stored, None)
            )
            created = client.create_model_version(
                self._name,
                source,
                run_id=run_id,
                tags=properties_of(record),
                description=description_of(record),
            )
            return self._keep_one(int(created.version), record.digest)

    def versions(self) -> tuple[ModelVersion, ...]:
        """See ModelRegistry."""
        return self._search(f"name = '{self._name}'")

    def fetch(self, number: int) -> str:
        """See ModelRegistry."""
        version = find(self, number)
        if not self._is_server:
            return require_whole(version.source, number)
        cached = self._store.path(version.digest)
        if cached:
            return cached
        with tempfile.TemporaryDirectory() as folder:
            run_id = self._made().get_model_version(self._name, str(number)).run_id
            downloaded = mlflow_client.download(self._uri, run_id, folder)
            return self._store.keep(downloaded, version.digest)

    def alias(self, name: str) -> int | None:
        """See ModelRegistry."""
        model = self._model()
        number = model.aliases.get(name) if model else None
        return None if number is None else int(number)

    def point(self, name: str, number: int | None) -> None:
        """See ModelRegistry."""
        if number is None:
            self._made().delete_registered_model_alias(self._name, name)
        else:
            self._made().set_registered_model_alias(self._name, name, str(number))

    def events(self) -> tuple[Event, ...]:
        """See ModelRegistry."""
        return events_in(self._tags())

    def add_event(self, event: Event) -> None:
        """See ModelRegistry."""
        self._made().set_registered_model_tag(self._name, new_event_key(event), to_json(event))

    def intent(self) -> Event | None:
        """See ModelRegistry."""
        text = self._tags().get(INTENT)
        return from_json(text) if text else None

    def set_intent(self, event: Event | None) -> None:
        """See ModelRegistry."""
        if event is None:
            self._made().delete_registered_model_tag(self._name, INTENT)
        else:
            self._made().set_registered_model_tag(self._name, INTENT, to_json(event))

    def _client(self) -> "ModelRegistryClient | None":
        """Return the client; None while the embedded registry has no database."""
        if self._opened is None and (self._is_server or os.path.exists(self._database)):
            self._opened = mlflow_client.connect(self._uri)
        return self._opened

    def _made(self) -> "ModelRegistryClient":
        """Return the client; create the database and the registered model first if absent.

        The caller holds the lock.
        """
        if not self._is_server:
            mlflow_client.make_database(self._database)
        client = self._client()
        assert client is not None, "the database was just created"
        if self._model() is None:
            mlflow_client.make_model(client, self._name)
        return client

    def _model(self) -> Any:
        """Return MLflow's registered model; None if it does not exist."""
        client = self._client()
        if client is None:
            return None
        from mlflow.exceptions import MlflowException

        try:
            return client.get_registered_model(self._name)
        except MlflowException as error:
            if mlflow_client.is_absent(error):
                return None
            raise

    def _tags(self) -> dict[str, str]:
        model = self._model()
        return dict(model.tags) if model else {}

    def _by_digest(self, digest: str) -> ModelVersion | None:
        found = self._search(f"name = '{self._name}' and tags.{DIGEST} = '{digest}'")
        return found[-1] if found else None

    def _keep_one(self, number: int, digest: str) -> ModelVersion:
        """Delete the version just created if another machine registered the same model before it."""
        oldest = self._by_digest(digest)
        if oldest is not None and oldest.number != number:
            self._made().delete_model_version(self._name, str(number))
            return oldest
        return find(self, number)

    def _search(self, condition: str) -> tuple[ModelVersion, ...]:
        client = self._client()
        if client is None:
            return ()
        found: list[ModelVersion] = []
        token = None
        while True:
            page = client.search_model_versions(condition, max_results=_PAGE, page_token=token)
            found += [_version(entry) for entry in page]
            token = page.token
            if not token:
                return tuple(sorted(found, key=lambda version: version.number, reverse=True))


def _version(entry: Any) -> ModelVersion:
    created = datetime.datetime.fromtimestamp(entry.creation_timestamp / 1000, datetime.timezone.utc)
    tags = dict(entry.tags)
    return ModelVersion(
        number=int(entry.version),
        digest=tags.pop(DIGEST, ""),
        blessed=tags.pop(BLESSED, "") == flag(True),
        created=created,
        source=entry.source,
        tags=tags,
    )
