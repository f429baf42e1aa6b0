"""The interface of a model registry, which MLflow and Kubeflow implement."""

import contextlib
import dataclasses
import datetime
import json
import uuid
from collections.abc import Mapping
from typing import Any, Literal, Protocol

from tfx_contrastive.contract.errors import RegistryError

CHAMPION = "champion"
CHALLENGER = "challenger"
ALIASES = (CHAMPION, CHALLENGER)

Action = Literal["promote", "rollback"]

# Names of the properties in which the registries keep what they have no field for, all of it as text.
DIGEST, BLESSED, INTENT = "digest", "blessed", "intent"
_EVENT = "event."
_MAX_PROPERTY = 5_000  # characters; MLflow refuses 100,000. Longer facts are in version.json only.


@dataclasses.dataclass(frozen=True)
class VersionRecord:
    """The record of a model, made when it is registered.

    Attributes:
        digest: Digest of the model's files (`components.model.saved.model_digest`), which identifies it.
        blessed: True if every gate blessed the model.
        facts: JSON values by name: metrics, gates, data, lineage and more (`registry_pusher/facts.py`).
        card: The model card, Markdown.
    """

    digest: str
    blessed: bool
    facts: Mapping[str, Any]
    card: str


@dataclasses.dataclass(frozen=True)
class ModelVersion:
    """A version in a list of versions.

    Attributes:
        number: Number of the version, from 1; a number is never used twice.
        digest: Digest of its model.
        blessed: The last verdict of the gates.
        created: Time of registration, UTC.
        source: URI of its files.
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
    """A change of the champion, as the history records it.

    Attributes:
        time: Time of the change, UTC.
        actor: The user or the pipeline run that made it.
        action: `promote` or `rollback`.
        version: The champion afterwards.
        previous: The champion before; None for the first champion.
        reason: The reason, as the actor gave it.
        forced: True if a version that no gate blessed was promoted with `--force`.
    """

    time: datetime.datetime
    actor: str
    action: Action
    version: int
    previous: int | None
    reason: str
    forced: bool = False


class ModelRegistry(Protocol):
    """One registered model in a registry.

    Each implementation guarantees that a version becomes visible only when its files and record are complete,
    that each digest has one version, that `point` is atomic and durable, and that reading creates nothing: a
    registry that does not exist yet has no versions, aliases or events.
    """

    def exclusive(self) -> contextlib.AbstractContextManager[None]:
        """Exclude every other writer while the context is open. Not reentrant."""

    def register(self, model_dir: str, record: VersionRecord) -> ModelVersion:
        """Add a model; if its digest has a version already, update the verdict of that version."""

    def versions(self) -> tuple[ModelVersion, ...]:
        """Return all versions, newest first."""

    def fetch(self, number: int) -> str:
        """Return a local directory with the version's SavedModel, record and card, for reading only."""

    def alias(self, name: str) -> int | None:
        """Return the version that an alias points to; None if there is none."""

    def point(self, name: str, number: int | None) -> None:
        """Make an alias point to a version; None removes it. The caller holds the lock."""

    def events(self) -> tuple[Event, ...]:
        """Return the history, oldest event first."""

    def add_event(self, event: Event) -> None:
        """Append an event to the history. The caller holds the lock."""

    def intent(self) -> Event | None:
        """Return the change of champion that was started and not finished; None if there is none."""

    def set_intent(self, event: Event | None) -> None:
        """Record a change of champion before it is made; None clears it. The caller holds the lock."""


def to_json(event: Event) -> str:
    """Return an event as a JSON object."""
    return json.dumps(dataclasses.asdict(event) | {"time": event.time.isoformat()})


def from_json(text: str) -> Event:
    """Return the event that `to_json` converted."""
    values = json.loads(text)
    return Event(**{**values, "time": datetime.datetime.fromisoformat(values["time"])})


def new_event_key(event: Event) -> str:
    """Return the name of a new property for an event; no other event has the same."""
    return f"{_EVENT}{event.time:%Y%m%dT%H%M%S%f}.{uuid.uuid4().hex[:8]}"


def events_in(properties: Mapping[str, str]) -> tuple[Event, ...]:
    """Return the events in the properties of a registered model, oldest first."""
    found = [from_json(text) for key, text in properties.items() if key.startswith(_EVENT)]
    return tuple(sorted(found, key=lambda event: event.time))


def flag(value: bool) -> str:
    """Return the text of a property that is true or false."""
    return "true" if value else "false"


def properties_of(record: VersionRecord) -> dict[str, str]:
    """Return the properties of a version: its digest, the verdict, and its facts without very long ones."""
    texts = {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in record.facts.items()
    }
    short = {key: text for key, text in texts.items() if len(text) <= _MAX_PROPERTY}
    return short | {DIGEST: record.digest, BLESSED: flag(record.blessed)}


def description_of(record: VersionRecord) -> str:
    """Return the description of a version, which is the beginning of its model card."""
    return record.card[:_MAX_PROPERTY]


def find(registry: ModelRegistry, number: int) -> ModelVersion:
    """Return the version with this number.

    Raises:
        RegistryError: If there is none; the text lists the known versions.
    """
    versions = registry.versions()
    for version in versions:
        if version.number == number:
            return version
    known = ", ".join(str(version.number) for version in versions) or "none yet"
    raise RegistryError(f"There is no version {number}. Known versions: {known}.")
