"""Registers a candidate, and makes it champion, challenger or neither."""

import dataclasses
import logging

from tfx_contrastive.components.model.directory import complete_versions
from tfx_contrastive.components.registry import promotion
from tfx_contrastive.components.registry.commands import RegistryLocation, open_registry
from tfx_contrastive.components.registry.interface import ALIASES, CHAMPION, VersionRecord
from tfx_contrastive.components.registry.store import digest_of
from tfx_contrastive.components.registry_pusher import card, facts

_logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Registration:
    """The outcome for a candidate.

    Attributes:
        version: Number of its version; None if it was not registered.
        digest: Digest of the candidate.
        aliases: The aliases of its version.
        champion: Number of the champion; None if there is none.
        reason: One sentence for the run report.
        served_as: Directory of the served version; empty if nothing or another model is served.
    """

    version: int | None
    digest: str
    aliases: tuple[str, ...]
    champion: int | None
    reason: str
    served_as: str = ""


def register_candidate(location: RegistryLocation, sources: facts.Sources, actor: str) -> Registration:
    """Register a blessed candidate and set its alias.

    A version that was champion before is not promoted again: a person rolled back from it or promoted another
    one, and a repeated run must not undo that. A refused candidate is registered only if the configuration
    says so, or if it has a version already, which then loses its blessing.

    Args:
        location: Location of the registry.
        sources: The candidate and its facts.
        actor: The pipeline run, for the history.
    """
    registry = open_registry(location)
    digest = digest_of(sources.model_dir)
    known = any(version.digest == digest for version in registry.versions())
    if not sources.blessed and not location.config.keep_refused and not known:
        with registry.exclusive():
            promotion.settle(registry)
            champion = registry.alias(CHAMPION)
        return Registration(None, digest, (), champion, "not blessed, so it is not registered")

    collected = facts.collect(sources, location.serving_dir or "")
    record = VersionRecord(digest, sources.blessed, collected, card.render(location.name, digest, collected))
    number = registry.register(sources.model_dir, record).number
    if not sources.blessed:
        reason = "registered without an alias, because it is not blessed"
    elif any(number == event.version for event in registry.events()):
        reason = (
            "it is the champion already"
            if registry.alias(CHAMPION) == number
            else "it was champion before; a person decides whether to promote it again"
        )
        with registry.exclusive():
            promotion.settle(registry)
            promotion.serve_champion(registry, location.serving_dir)
    elif location.config.promote_to == CHAMPION:
        promotion.promote(registry, number, actor, "blessed by every gate", location.serving_dir)
        reason = "blessed by every gate"
    else:
        promotion.challenge(registry, number, location.serving_dir)
        reason = "blessed by every gate; it waits for a person to promote it"
    aliases = tuple(name for name in ALIASES if registry.alias(name) == number)
    _logger.info("Version %d (%s): %s", number, ", ".join(aliases) or "no alias", reason)
    served_as = _served_as(location.serving_dir, digest)
    return Registration(number, digest, aliases, registry.alias(CHAMPION), reason, served_as)


def _served_as(serving_dir: str | None, digest: str) -> str:
    newest = next(iter(complete_versions(serving_dir or "")), None)
    return newest.path if newest is not None and digest_of(newest.path) == digest else ""
