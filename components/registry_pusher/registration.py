"""What happens to a candidate: registered or not, champion, challenger or neither."""

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
    """The outcome.

    Attributes:
        version: Its number; None where the candidate was not registered.
        digest: Of the candidate.
        aliases: The aliases that it has now.
        champion: The champion now; None if there is none yet.
        reason: One sentence for the run report.
        served_as: Directory of the served version; empty where nothing is served, or another model.
    """

    version: int | None
    digest: str
    aliases: tuple[str, ...]
    champion: int | None
    reason: str
    served_as: str = ""


def register_candidate(location: RegistryLocation, sources: facts.Sources, actor: str) -> Registration:
    """Registers a blessed candidate and gives it its alias.

    A version that was champion before is not promoted again: someone rolled back from it, or promoted
    another one, and a repeated run must not undo that. A refused candidate is recorded only where the
    configuration says so, or where its version exists already and must lose its blessing.

    Args:
        location: The registry.
        sources: The candidate and what is known of it.
        actor: Who asks: the pipeline run.

    Returns:
        The outcome.
    """
    registry = open_registry(location)
    digest = digest_of(sources.model_dir)
    known = any(version.digest == digest for version in registry.versions())
    if not sources.blessed and not location.config.keep_refused and not known:
        with registry.exclusive():
            promotion.settle(registry)
            champion = registry.alias(CHAMPION)
        return Registration(None, digest, (), champion, "not blessed, hence not registered")

    collected = facts.collect(sources)
    record = VersionRecord(digest, sources.blessed, collected, card.render(location.name, digest, collected))
    number = registry.register(sources.model_dir, record).number
    if not sources.blessed:
        reason = "recorded without an alias: it is not blessed"
    elif any(number == event.version for event in registry.events()):
        reason = (
            "it is the champion already"
            if registry.alias(CHAMPION) == number
            else "it was champion before: a person decides whether it is again"
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
