"""What a person does with the registry: list, show, promote, roll back, compare.

Plain functions that return plain values; the command line prints them.
"""

import dataclasses
import datetime
import getpass
import os
from collections.abc import Mapping
from typing import Any

from tfx_contrastive.components.registry import promotion
from tfx_contrastive.components.registry.config import RegistryConfig
from tfx_contrastive.components.registry.interface import (
    ALIASES,
    Event,
    ModelRegistry,
    ModelVersion,
    VersionRecord,
    find,
)
from tfx_contrastive.contract.errors import RegistryError

from .store import read_record


@dataclasses.dataclass(frozen=True)
class RegistryLocation:
    """Where to find the registry of a pipeline.

    Attributes:
        config: Its configuration.
        name: Name of the registered model: the pipeline's.
        directory: Local directory of the embedded registry, or of the cache.
        serving_dir: Directory of numeric versions that follows the champion; None where nothing is served.
    """

    config: RegistryConfig
    name: str
    directory: str
    serving_dir: str | None = None


@dataclasses.dataclass(frozen=True)
class VersionRow:
    """One line of `list_models`."""

    number: int
    aliases: tuple[str, ...]
    blessed: bool
    created: datetime.datetime
    digest: str
    tags: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class VersionDetails:
    """What `show_model` knows: the row, the whole record, its own lines of the history, its directory."""

    row: VersionRow
    record: VersionRecord
    history: tuple[Event, ...]
    model_dir: str


@dataclasses.dataclass(frozen=True)
class Difference:
    """A fact that two versions don't share; None where a version lacks it.

    `change` is the numeric difference, second minus first, where both are numbers.
    """

    fact: str
    first: Any
    second: Any
    change: float | None


def acting_user() -> str:
    """Who changes the registry, for its history: the user's name, or `uid 12345` where there is none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under any uid, with no line in /etc/passwd
        return f"uid {os.getuid()}"


def open_registry(location: RegistryLocation) -> ModelRegistry:
    """Opens the registry that the configuration names."""
    config = location.config
    if config.kind == "kubeflow":
        from .kubeflow_backend import KubeflowRegistry

        return KubeflowRegistry(location.name, location.directory, config.uri or "", config.token_path)
    from .mlflow_backend import MlflowRegistry

    return MlflowRegistry(location.name, location.directory, config.uri)


def list_models(location: RegistryLocation) -> tuple[VersionRow, ...]:
    """All versions, the newest first."""
    registry = open_registry(location)
    aliases = _aliases(registry)
    return tuple(_row(version, aliases) for version in registry.versions())


def history(location: RegistryLocation) -> tuple[Event, ...]:
    """Who changed the champion, when and why; the oldest first."""
    return open_registry(location).events()


def show_model(location: RegistryLocation, version: str) -> VersionDetails:
    """One version with everything that is recorded of it.

    Args:
        location: The registry.
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
    """Makes a version the champion; see `promotion.promote`."""
    registry = open_registry(location)
    number = _select(registry, version).number
    return promotion.promote(registry, number, actor, reason, location.serving_dir, force)


def rollback_model(
    location: RegistryLocation, actor: str, reason: str, version: str | None = None
) -> Event | None:
    """Makes the former champion (or the given one) champion again; see `promotion.rollback`."""
    registry = open_registry(location)
    number = _select(registry, version).number if version else None
    return promotion.rollback(registry, actor, reason, location.serving_dir, number)


def diff_models(location: RegistryLocation, first: str, second: str) -> tuple[Difference, ...]:
    """The facts in which two versions differ, by name."""
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
    """Whether two facts are equal; two figures that are both undefined (NaN) are."""
    return first == second or (first != first and second != second)


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
