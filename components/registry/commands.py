"""The operations of `tfx-contrastive models`: list, show, promote, roll back, compare.

The functions return plain values; the command line prints them.
"""

import dataclasses
import datetime
import getpass
import os
from collections.abc import Mapping
from typing import Any

from tfx_contrastive.contract.errors import RegistryError

from . import promotion
from .config import RegistryConfig
from .interface import ALIASES, Event, ModelRegistry, ModelVersion, VersionRecord, find
from .store import read_record


@dataclasses.dataclass(frozen=True)
class RegistryLocation:
    """The location of a pipeline's registry.

    Attributes:
        config: Configuration of the registry.
        name: Name of the registered model, which is the pipeline's name.
        directory: Local directory of the embedded registry, or of the cache of a remote one.
        serving_dir: Directory of numeric versions whose newest is the champion; None if nothing is served.
    """

    config: RegistryConfig
    name: str
    directory: str
    serving_dir: str | None = None


@dataclasses.dataclass(frozen=True)
class VersionRow:
    """A version with its aliases."""

    number: int
    aliases: tuple[str, ...]
    blessed: bool
    created: datetime.datetime
    digest: str
    tags: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class VersionDetails:
    """A version with its whole record, the events of the history that mention it, and its directory."""

    row: VersionRow
    record: VersionRecord
    history: tuple[Event, ...]
    model_dir: str


@dataclasses.dataclass(frozen=True)
class Difference:
    """A fact in which two versions differ; None if a version lacks it.

    If both values are numbers, `change` is second minus first.
    """

    fact: str
    first: Any
    second: Any
    change: float | None


def acting_user() -> str:
    """Return the user's name for the history; `uid 12345` if the user has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under any uid, with no line in /etc/passwd
        return f"uid {os.getuid()}"


def open_registry(location: RegistryLocation) -> ModelRegistry:
    """Return the registry that the configuration names."""
    config = location.config
    if config.kind == "kubeflow":
        from .kubeflow_backend import KubeflowRegistry

        return KubeflowRegistry(location.name, location.directory, config.uri or "", config.token_path)
    from .mlflow_backend import MlflowRegistry

    return MlflowRegistry(location.name, location.directory, config.uri)


def list_models(location: RegistryLocation) -> tuple[VersionRow, ...]:
    """Return all versions, newest first."""
    registry = open_registry(location)
    aliases = _aliases(registry)
    return tuple(_row(version, aliases) for version in registry.versions())


def history(location: RegistryLocation) -> tuple[Event, ...]:
    """Return every change of the champion, oldest first."""
    return open_registry(location).events()


def show_model(location: RegistryLocation, version: str) -> VersionDetails:
    """Return one version with its whole record.

    Args:
        location: Location of the registry.
        version: A number, `champion` or `challenger`.
    """
    registry = open_registry(location)
    found = _select(registry, version)
    model_dir = registry.fetch(found.number)
    lines = tuple(event for event in registry.events() if found.number in (event.version, event.previous))
    return VersionDetails(_row(found, _aliases(registry)), read_record(model_dir), lines, model_dir)


def promote_model(
    location: RegistryLocation, version: str, actor: str, reason: str, force: bool = False
) -> Event | None:
    """Make a version the champion; see `promotion.promote`."""
    registry = open_registry(location)
    number = _select(registry, version).number
    return promotion.promote(registry, number, actor, reason, location.serving_dir, force)


def rollback_model(
    location: RegistryLocation, actor: str, reason: str, version: str | None = None
) -> Event | None:
    """Make the former champion, or the given version, champion again; see `promotion.rollback`."""
    registry = open_registry(location)
    number = _select(registry, version).number if version else None
    return promotion.rollback(registry, actor, reason, location.serving_dir, number)


def diff_models(location: RegistryLocation, first: str, second: str) -> tuple[Difference, ...]:
    """Return the facts in which two versions differ, sorted by name."""
    registry = open_registry(location)
    flat_first, flat_second = (
        _flat(read_record(registry.fetch(_select(registry, version).number)).facts)
        for version in (first, second)
    )
    return tuple(
        Difference(fact, flat_first.get(fact), flat_second.get(fact), _change(fact, flat_first, flat_second))
        for fact in sorted(flat_first.keys() | flat_second.keys())
        if not _same(flat_first.get(fact), flat_second.get(fact))
    )


def _same(first: Any, second: Any) -> bool:
    """Return whether two facts are equal; two NaN are."""
    return bool(first == second or (first != first and second != second))


def _select(registry: ModelRegistry, version: str) -> ModelVersion:
    if version in ALIASES:
        number = registry.alias(version)
        if number is None:
            raise RegistryError(f"No version is {version} yet.")
        return find(registry, number)
    if not version.isdecimal():
        raise RegistryError(f"Received the version {version!r}; expected a number, {' or '.join(ALIASES)}.")
    return find(registry, int(version))


def _aliases(registry: ModelRegistry) -> dict[str, int | None]:
    return {name: registry.alias(name) for name in ALIASES}


def _row(version: ModelVersion, aliases: Mapping[str, int | None]) -> VersionRow:
    own = tuple(name for name, number in aliases.items() if number == version.number)
    return VersionRow(
        version.number, own, version.blessed, version.created, version.digest, dict(version.tags)
    )


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(value, Mapping) and value:
        flat: dict[str, Any] = {}
        for key, inner in value.items():
            flat |= _flat(inner, f"{prefix}.{key}" if prefix else str(key))
        return flat
    return {prefix: value}


def _change(fact: str, first: Mapping[str, Any], second: Mapping[str, Any]) -> float | None:
    before, after = first.get(fact), second.get(fact)
    if isinstance(before, bool) or isinstance(after, bool):
        return None
    if isinstance(before, int | float) and isinstance(after, int | float):
        return after - before
    return None
