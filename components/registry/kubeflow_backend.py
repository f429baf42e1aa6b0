"""The model registry in Kubeflow Model Registry.

That registry lacks some features, which are replaced as follows (docs/registry.md):

- aliases, history, intent: custom properties of the registered model;
- version numbers: names of the versions, which the server keeps unique;
- files: kept in `<directory>/models`, which must be a volume that every user mounts.

A version is created with all its properties in one request, after its files are in place. Moving an alias is
one request too. There is no compare-and-swap: if two machines change the registered model at the same moment,
the alias stays consistent, but an event of the history can be lost. On one machine a file lock excludes that.
"""

import asyncio
import contextlib
import datetime
import os
import urllib.parse
from collections.abc import Coroutine
from typing import Any, TypeVar

from tfx_contrastive.contract.errors import RegistryError

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

_SOURCE, _ALIAS = "source", "alias."
_PAGE = 100
_SERVICE_ACCOUNT_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"
_DEFAULT_PORTS = {"http": 8080, "https": 443}

Result = TypeVar("Result")


class KubeflowRegistry:
    """One registered model of a Kubeflow Model Registry."""

    def __init__(self, name: str, directory: str, uri: str, token_path: str | None = None):
        """Open a client of the server.

        Args:
            name: Name of the registered model.
            directory: Directory of the files and the lock, on a volume that every user of them mounts.
            uri: http(s)://host[:port] of the server.
            token_path: File with the bearer token; None for that of the pod's service account, if any.

        Raises:
            RegistryError: If the client is not installed, or the server does not answer.
        """
        if "://" in directory:
            raise RegistryError(
                f"Received the registry directory {directory!r}; expected a mounted one: Kubeflow's registry "
                "keeps no files."
            )
        self._name, self._uri = name, uri
        self._directory = os.path.abspath(directory)
        self._store = ModelStore(os.path.join(self._directory, "models"))
        self._types, self._api = _connect(uri, token_path)
        self._find_model()  # a wrong address is reported at once

    def exclusive(self) -> contextlib.AbstractContextManager[None]:
        """See ModelRegistry."""
        return write_lock(os.path.join(self._directory, "registry.lock"))

    def register(self, model_dir: str, record: VersionRecord) -> ModelVersion:
        """See ModelRegistry."""
        with self.exclusive():
            known = self._by_digest(record.digest)
            if known is None:
                stored = self._store.add(model_dir, record, _describe_nothing)
                known = self._create(record, stored)
            elif _property(known, BLESSED) != flag(record.blessed):
                known.custom_properties = {**known.custom_properties, BLESSED: flag(record.blessed)}
                known = self._run(self._api.upsert_model_version(known))
            self._complete(known)
            return _version(known)

    def versions(self) -> tuple[ModelVersion, ...]:
        """See ModelRegistry."""
        return tuple(sorted(map(_version, self._entries()), key=lambda found: found.number, reverse=True))

    def fetch(self, number: int) -> str:
        """See ModelRegistry."""
        source = find(self, number).source
        return require_whole(source, number)

    def alias(self, name: str) -> int | None:
        """See ModelRegistry."""
        text = self._properties().get(f"{_ALIAS}{name}")
        return int(text) if text else None

    def point(self, name: str, number: int | None) -> None:
        """See ModelRegistry."""
        self._set(f"{_ALIAS}{name}", "" if number is None else str(number))

    def events(self) -> tuple[Event, ...]:
        """See ModelRegistry."""
        return events_in(self._properties())

    def add_event(self, event: Event) -> None:
        """See ModelRegistry."""
        self._set(new_event_key(event), to_json(event))

    def intent(self) -> Event | None:
        """See ModelRegistry."""
        text = self._properties().get(INTENT)
        return from_json(text) if text else None

    def set_intent(self, event: Event | None) -> None:
        """See ModelRegistry."""
        self._set(INTENT, "" if event is None else to_json(event))

    def _create(self, record: VersionRecord, source: str) -> Any:
        number = max((int(found.name) for found in self._entries()), default=0) + 1
        version = self._types.ModelVersion(
            name=str(number),
            description=description_of(record),
            custom_properties={**properties_of(record), _SOURCE: source},
        )
        return self._run(self._api.upsert_model_version(version, self._made().id))

    def _by_digest(self, digest: str) -> Any:
        return next((found for found in self._entries() if _property(found, DIGEST) == digest), None)

    def _complete(self, version: Any) -> None:
        """Add the artifact by which KServe finds the files, unless an earlier call added it."""
        found = self._run(self._api.get_model_artifact_by_params(self._name, version.id))
        if found is None:
            artifact = self._types.ModelArtifact(
                name=self._name,
                uri=_property(version, _SOURCE),
                model_format_name="tensorflow",
                model_format_version="2",
            )
            self._run(self._api.upsert_model_version_artifact(artifact, version.id))

    def _entries(self) -> list[Any]:
        """Return the server's versions without those that others have added to the registered model."""
        from model_registry.types import ListOptions

        model = self._find_model()
        if model is None:
            return []
        options, found = ListOptions(limit=_PAGE), []
        while True:
            found += self._run(self._api.get_model_versions(model.id, options))
            if not options.next_page_token:
                return [entry for entry in found if _property(entry, DIGEST) and entry.name.isdecimal()]

    def _set(self, key: str, text: str) -> None:
        """Write one property of the registered model; empty counts as absent, as none can be removed."""
        model = self._made()
        model.custom_properties = {**(model.custom_properties or {}), key: text}
        self._run(self._api.upsert_registered_model(model))

    def _properties(self) -> dict[str, str]:
        model = self._find_model()
        return dict(model.custom_properties or {}) if model else {}

    def _made(self) -> Any:
        """Return the registered model; create it first if absent. The caller holds the lock."""
        found = self._find_model()
        if found is None:
            found = self._run(self._api.upsert_registered_model(self._types.RegisteredModel(name=self._name)))
        return found

    def _find_model(self) -> Any:
        return self._run(self._api.get_registered_model_by_params(name=self._name))

    def _run(self, call: Coroutine[Any, Any, Result]) -> Result:
        import aiohttp

        try:
            return asyncio.run(call)
        except (aiohttp.ClientError, OSError) as error:
            raise RegistryError(
                f"The model registry {self._uri} does not answer: {error}. Correct registry.uri."
            ) from error


def _connect(uri: str, token_path: str | None) -> tuple[Any, Any]:
    """Return the module of the client's types, and a client."""
    try:
        from model_registry import types
        from model_registry.core import ModelRegistryAPIClient
    except ImportError as error:
        raise RegistryError(
            "registry.kind is kubeflow, and the client of Kubeflow Model Registry is not installed. "
            "Install it: pip install 'tfx-contrastive[kubeflow-registry]'."
        ) from error
    parsed = urllib.parse.urlparse(uri)
    if parsed.scheme not in _DEFAULT_PORTS:
        raise RegistryError(f"Received registry.uri {uri!r}; expected http:// or https://.")
    port = parsed.port or _DEFAULT_PORTS[parsed.scheme]
    token = _token(token_path)
    if parsed.scheme == "https":
        return types, ModelRegistryAPIClient.secure_connection(uri, port, user_token=token or "")
    return types, ModelRegistryAPIClient.insecure_connection(uri, port, token)


def _token(path: str | None) -> str | None:
    if path is None and not os.path.exists(_SERVICE_ACCOUNT_TOKEN):
        return None
    try:
        with open(path or _SERVICE_ACCOUNT_TOKEN, encoding="utf-8") as file:
            return file.read().strip()
    except OSError as error:
        raise RegistryError(
            f"Received registry.token_path {path!r}, which can't be read: {error}."
        ) from error


def _describe_nothing(model_dir: str) -> None:
    """Add no description: Kubeflow reads the SavedModel itself."""


def _version(entry: Any) -> ModelVersion:
    properties = dict(entry.custom_properties)
    created = int(entry.create_time_since_epoch) / 1000
    return ModelVersion(
        number=int(entry.name),
        digest=properties.pop(DIGEST),
        blessed=properties.pop(BLESSED, "") == flag(True),
        created=datetime.datetime.fromtimestamp(created, datetime.timezone.utc),
        source=properties.pop(_SOURCE, ""),
        tags=properties,
    )


def _property(entry: Any, key: str) -> str:
    return str((entry.custom_properties or {}).get(key, ""))
