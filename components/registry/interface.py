"""What the rest of the project knows of a model registry."""

import contextlib
import dataclasses
import datetime
from collections.abc import Mapping
from typing import Any, Literal, Protocol

from tfx_contrastive.contract.errors import RegistryError

CHAMPION = "champion"
CHALLENGER = "challenger"
ALIASES = (CHAMPION, CHALLENGER)

Action = Literal["promote", "rollback"]


@dataclasses.dataclass(frozen=True)
class VersionRecord:
    """All that is recorded of a model when it is registered.

    Attributes:
        digest: `saved_model.model_digest` of the model: its identity.
        blessed: Whether every gate blessed it.
        facts: JSON-like values by name: metrics, gates, data, signatures, lineage, code (`facts.py`).
        card: The model card, Markdown.
    """

    digest: str
    blessed: bool
    facts: Mapping[str, Any]
    card: str


@dataclasses.dataclass(frozen=True)
class ModelVersion:
    """A version as a listing shows it.

    Attributes:
        number: From 1; a number is never used twice.
        digest: Digest of its model.
        blessed: The last verdict of the gates.
        created: When it was registered, UTC.
        source: Where the registry keeps its files.
        tags: Short facts as text.
    """

    number: int
    digest: str
    blessed: bool
    created: datetime.datetime
    source: str
    tags: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Event:
    """One line of the history: the champion changed.

    Attributes:
        time: When, UTC.
        actor: Who: a user, or a pipeline run.
        action: `promote` or `rollback`.
        version: The champion afterwards.
        previous: The champion before; None the first time.
        reason: Why.
        forced: Whether an unblessed version was promoted on purpose.
    """

    time: datetime.datetime
    actor: str
    action: Action
    version: int
    previous: int | None
    reason: str
    forced: bool = False


class ModelRegistry(Protocol):
    """One registered model in some registry.

    What an implementation must keep: a version is visible only once it is whole (files, record); one
    digest has one version; `point` is atomic and outlives a crash.
    """

    def exclusive(self) -> contextlib.AbstractContextManager[None]:
        """Keeps every other writer out as long as the context is open. Not reentrant."""

    def register(self, model_dir: str, record: VersionRecord) -> ModelVersion:
        """Adds a model, or finds the version that its digest already has and renews its verdict."""

    def versions(self) -> tuple[ModelVersion, ...]:
        """All versions, the newest first."""

    def fetch(self, number: int) -> str:
        """A local directory with the version's SavedModel, record and card. Must not be written to."""

    def alias(self, name: str) -> int | None:
        """The version that an alias points to."""

    def point(self, name: str, number: int | None) -> None:
        """Makes an alias point to a version; None removes it."""

    def events(self) -> tuple[Event, ...]:
        """The history, the oldest first."""

    def add_event(self, event: Event) -> None:
        """Appends to the history."""

    def intent(self) -> Event | None:
        """The change of champion that was begun and not finished."""

    def set_intent(self, event: Event | None) -> None:
        """Notes a change of champion before it is made; None when it is done."""


def to_json(event: Event) -> dict[str, Any]:
    """An event as plain values."""
    return dataclasses.asdict(event) | {"time": event.time.isoformat()}


def from_json(values: Mapping[str, Any]) -> Event:
    """The event of `to_json`."""
    return Event(**{**values, "time": datetime.datetime.fromisoformat(values["time"])})


def find(registry: ModelRegistry, number: int) -> ModelVersion:
    """The version of this number.

    Raises:
        RegistryError: If there is none; the text lists the known ones.
    """
    versions = registry.versions()
    for version in versions:
        if version.number == number:
            return version
    known = ", ".join(str(version.number) for version in versions) or "none yet"
    raise RegistryError(f"There is no version {number}. Known versions: {known}.")
