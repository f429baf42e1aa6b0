"""Promotion and rollback of the champion, and the served directory that follows it.

The alias decides which version is the champion. It moves in one write, and the rest follows:

1. The change is recorded as an intent. After a crash before step 2, the next call drops it.
2. The alias moves. After a crash from here on, the next call does the remaining steps.
3. The event is added to the history, and the intent is cleared.
4. The champion's model is published to the served directory, unless its newest version is that model.
"""

import datetime
import logging

from tfx_contrastive.components.model.directory import complete_versions, publish
from tfx_contrastive.contract.errors import RegistryError

from .interface import (
    CHALLENGER,
    CHAMPION,
    Action,
    Event,
    ModelRegistry,
    ModelVersion,
    find,
)
from .store import digest_of

_logger = logging.getLogger(__name__)


def promote(
    registry: ModelRegistry,
    number: int,
    actor: str,
    reason: str,
    serving_dir: str | None = None,
    force: bool = False,
) -> Event | None:
    """Make a version the champion.

    Args:
        registry: The registry.
        number: Number of the version.
        actor: The user or pipeline run, for the history.
        reason: The reason, for the history; required with `force`.
        serving_dir: Directory of numeric versions to publish the champion to; None if nothing is served.
        force: Promote a version that is not blessed.

    Returns:
        The event of the history; None if the version is the champion already.

    Raises:
        RegistryError: If the version doesn't exist, or isn't blessed and `force` is not given.
    """
    with registry.exclusive():
        version = find(registry, number)
        if force and not reason.strip():
            raise RegistryError("Forcing a promotion needs a reason: say why this version must be served.")
        if not version.blessed and not force:
            raise RegistryError(
                f"Version {number} is not blessed: a gate refused it (see its record). "
                "Promote a blessed version, or force it and give the reason."
            )
        return _change(
            registry, "promote", version, actor, reason, serving_dir, force and not version.blessed
        )


def rollback(
    registry: ModelRegistry,
    actor: str,
    reason: str,
    serving_dir: str | None = None,
    number: int | None = None,
) -> Event | None:
    """Make a former champion the champion again. A second rollback goes one further back.

    Args:
        registry: The registry.
        actor: The user, for the history.
        reason: The reason, for the history.
        serving_dir: As in `promote`.
        number: Number of a former champion; None for the one before the current champion.

    Returns:
        The event of the history; None if `number` is the champion already.

    Raises:
        RegistryError: If there is no former champion, or `number` never was one.
    """
    with registry.exclusive():
        settle(registry)
        reigns = succession(registry.events())
        former = reigns[:-1]
        if number is None:
            if not former:
                raise RegistryError("There is no former champion to go back to.")
            number = former[-1]
        elif number not in reigns:
            known = ", ".join(map(str, former)) or "none"
            raise RegistryError(
                f"Version {number} never was champion; former champions: {known}. Promote it instead."
            )
        return _change(registry, "rollback", find(registry, number), actor, reason, serving_dir, False)


def challenge(registry: ModelRegistry, number: int, serving_dir: str | None = None) -> None:
    """Make a version the challenger, and make sure that the champion is the model served."""
    with registry.exclusive():
        settle(registry)
        find(registry, number)
        if registry.alias(CHAMPION) != number:
            registry.point(CHALLENGER, number)
        serve_champion(registry, serving_dir)


def settle(registry: ModelRegistry) -> None:
    """Finish or drop a change that a crash interrupted. The caller holds the lock."""
    intent = registry.intent()
    if intent is None:
        return
    if registry.alias(CHAMPION) == intent.version:
        if intent not in registry.events():
            registry.add_event(intent)
        _logger.warning("Finished an interrupted %s of version %d", intent.action, intent.version)
    else:
        _logger.warning("Dropped an interrupted %s of version %d", intent.action, intent.version)
    registry.set_intent(None)


def serve_champion(registry: ModelRegistry, serving_dir: str | None) -> None:
    """Publish the champion if the newest served version is another model. The caller holds the lock."""
    champion = registry.alias(CHAMPION)
    if not serving_dir or champion is None:
        return
    model_dir = registry.fetch(champion)
    served = next(iter(complete_versions(serving_dir)), None)
    if served is None or digest_of(served.path) != digest_of(model_dir):
        published = publish(model_dir, serving_dir)
        _logger.info("Version %d is served as %s", champion, published.path)


def succession(events: tuple[Event, ...]) -> list[int]:
    """Return the champions that a rollback can reach, oldest first; the last is the current champion."""
    reigns: list[int] = []
    for event in events:
        if event.action == "rollback" and event.version in reigns:
            while reigns[-1] != event.version:
                reigns.pop()
        else:
            reigns.append(event.version)
    return reigns


def _require_unchanged(registry: ModelRegistry, version: ModelVersion) -> None:
    """Check the digest of a version's files, before anything changes: a damaged model must not be served."""
    found = digest_of(model_dir := registry.fetch(version.number))
    if found != version.digest:
        raise RegistryError(
            f"The model in {model_dir} is not the one that was registered as version {version.number}: its "
            f"digest is {found}, expected {version.digest}. Restore its files from a backup, or use "
            "another version."
        )


def _change(
    registry: ModelRegistry,
    action: Action,
    version: ModelVersion,
    actor: str,
    reason: str,
    serving_dir: str | None,
    forced: bool,
) -> Event | None:
    settle(registry)
    previous, event = registry.alias(CHAMPION), None
    if previous != version.number:
        _require_unchanged(registry, version)
        now = datetime.datetime.now(datetime.timezone.utc)
        event = Event(now, actor, action, version.number, previous, reason, forced)
        registry.set_intent(event)
        registry.point(CHAMPION, version.number)
        registry.add_event(event)
        registry.set_intent(None)
    if registry.alias(CHALLENGER) == version.number:
        registry.point(CHALLENGER, None)
    serve_champion(registry, serving_dir)
    return event
