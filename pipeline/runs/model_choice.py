"""Which model the consumers' commands take: the registry's champion, another version, or that of a run.

The registry says who is champion, the blessing artifact says what the gates decided; a path says nothing.
What was made from a model (embeddings, index, statistics) is found by lineage, so that it is the model's own.
Imports no TensorFlow.
"""

import dataclasses
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from tfx_contrastive.components.gates.verdict import Decision, gate_ids
from tfx_contrastive.components.registry.commands import RegistryLocation, open_registry
from tfx_contrastive.components.registry.interface import ALIASES, CHALLENGER, CHAMPION, ModelRegistry, find
from tfx_contrastive.components.registry.store import read_record
from tfx_contrastive.contract.errors import NotFoundError, RegistryError
from tfx_contrastive.pipeline.config import PipelineConfig

from .lineage import Lineage, Run
from .metadata import reading_config
from .record import RunRecord
from .root import require_unmoved

INDEX, EMBEDDINGS, STATISTICS = "similarity_index", "embeddings", "statistics"
_MADE_BY = {INDEX: "SimilarityIndexGen", EMBEDDINGS: "EmbeddingGen", STATISTICS: "StatisticsGen"}


@dataclasses.dataclass(frozen=True)
class ModelChoice:
    """A model, and what was made from it.

    Attributes:
        version: Its number in the registry; None where it has none.
        champion: Whether it is the champion.
        blessed: The verdict of the gates; None where none is known.
        refused_by: The gates that refused it, as far as the run's metadata says.
        run: Id of the run that made it; empty where that is not known.
        model_dir: Directory of the SavedModel; empty: the one that index and embeddings name.
        made: URI by `INDEX`, `EMBEDDINGS` and `STATISTICS`, as far as they were asked for.
        given: The directory that somebody named in place of a version or a run; else empty.
    """

    version: int | None
    champion: bool
    blessed: bool | None
    refused_by: tuple[str, ...]
    run: str
    model_dir: str
    made: Mapping[str, str]
    given: str = ""

    def __str__(self) -> str:
        """The choice in words, such as `version 2, the champion`."""
        if self.given:
            return f"the model of {self.given}, as given"
        verdict = Decision(self.blessed, self.refused_by).short
        if self.version is None:
            return f"the model of run {self.run}, {verdict}, not in the registry"
        if self.champion:
            return f"version {self.version}, the champion" + ("" if self.blessed else f", {verdict}")
        return f"version {self.version}, not the champion, {verdict}"

    def marked(self, champion: bool) -> "ModelChoice":
        """Return the same choice with another value of `champion`, after a promotion or a rollback."""
        return dataclasses.replace(self, champion=champion)

    def values(self) -> dict[str, Any]:
        """The choice as JSON values, for answers that programs read."""
        return {
            "version": self.version,
            "champion": self.champion,
            "blessed": self.blessed,
            "run": self.run or None,
            "description": str(self),
        }


def registry_location(config: PipelineConfig) -> RegistryLocation:
    """Where the pipeline's registry is.

    Raises:
        RegistryError: If it is an embedded one and no run has made it yet.
        ConfigError: If the root was moved.
    """
    require_unmoved(config)
    directory = f"{config.root}/registry"
    if config.registry.uri is None and not os.path.isdir(directory):
        raise RegistryError(f"{directory} has no registry yet: the first blessed run makes it.")
    return RegistryLocation(config.registry, config.name, directory, config.serving_dir)


def choose(
    config: PipelineConfig, needs: Collection[str], version: str | None = None, run: str | None = None
) -> ModelChoice:
    """Chooses the champion, or what was named.

    Args:
        config: Of the pipeline.
        needs: What must have been made from the model: of `INDEX`, `EMBEDDINGS` and `STATISTICS`.
        version: A number or an alias; None: the champion.
        run: A run's id, or `latest`; None: by version.

    Returns:
        The model, with what was asked for.

    Raises:
        NotFoundError: If it isn't there; the text says what is.
        RegistryError: If the registry can't say.
    """
    lineage = Lineage(reading_config(config), config.name)
    if run is not None:
        return _of_run(config, lineage.run(run), needs, lineage)
    try:
        location = registry_location(config)
    except RegistryError as error:  # no run has made it, or somebody has removed it
        if version is not None:
            raise
        raise _no_champion(config, lineage) from error
    registry = open_registry(location)
    number = _number(registry, version)
    if number is None:
        raise _no_champion(config, lineage)
    return _of_version(registry, number, lineage.runs(), needs)


def champion_watch(config: PipelineConfig) -> Callable[[], int | None]:
    """A function that asks the registry who is champion; one small query for each call.

    Raises:
        RegistryError: As `registry_location`.
    """
    registry = open_registry(registry_location(config))
    return lambda: registry.alias(CHAMPION)


def _number(registry: ModelRegistry, version: str | None) -> int | None:
    if version is None:
        return registry.alias(CHAMPION)
    if version in ALIASES:
        number = registry.alias(version)
        if number is None:
            raise RegistryError(f"No version is {version} yet. Known versions: {_known_versions(registry)}.")
        return number
    if not version.isdecimal():
        raise RegistryError(f"Received the version {version!r}; expected a number, {' or '.join(ALIASES)}.")
    return find(registry, int(version)).number


def _known_versions(registry: ModelRegistry) -> str:
    return ", ".join(str(version.number) for version in registry.versions()) or "none"


def _no_champion(config: PipelineConfig, lineage: Lineage) -> NotFoundError:
    newest = RunRecord(lineage.run())  # raises NotFoundError itself before the first run
    version = newest.delivery.version
    way = "To use that run's model anyway: --run latest."
    if newest.delivery.aliases == CHALLENGER:
        return NotFoundError(
            f"{config.name} has no champion: version {version} waits to be promoted. {way} To promote it:",
            f"models promote {version}",
        )
    if version:
        return NotFoundError(
            f"{config.name} has no champion, although run {newest.run.id} registered version {version}: the "
            f"registry was removed, or is not the one that this run wrote. {way} To register that model "
            "again, run the pipeline without its former baseline:",
            "run --set baseline.reset_token=again",
        )
    return NotFoundError(
        f"{config.name} has no champion yet. Verdict on the newest run, {newest.run.id}: "
        f"{newest.gate.short}. {way}"
    )


def _of_version(
    registry: ModelRegistry, number: int, runs: Sequence[Run], needs: Collection[str]
) -> ModelChoice:
    found = find(registry, number)
    model_dir = registry.fetch(number)
    facts = read_record(model_dir).facts
    lineage = facts.get("lineage", {})
    artifacts = {
        key: entries[0]["uri"] for key, entries in lineage.get("artifacts", {}).items() if len(entries) == 1
    }
    fingerprint = facts.get("encoder_fingerprint", "")
    made = next(
        (found for found in _made_from(artifacts, fingerprint, runs) if found.keys() >= set(needs)), None
    )
    if made is None:
        raise NotFoundError(
            f"Version {number} has no {_in_words(needs)}: its run {lineage.get('run', '')} did not get "
            "that far, or its metadata is gone, and no other run used the same encoder. Name another one "
            f"with --run or --version (known versions: {_known_versions(registry)}), or run the "
            "pipeline again:",
            "run",
        )
    refused_by = facts.get("gates", {}).get("refused_by", "")
    return ModelChoice(
        version=number,
        champion=registry.alias(CHAMPION) == number,
        blessed=found.blessed,
        refused_by=gate_ids(refused_by) if not found.blessed else (),
        run=lineage.get("run") or "",
        model_dir=model_dir,
        made={key: made[key] for key in needs},
    )


def _made_from(
    artifacts: Mapping[str, str], fingerprint: str, runs: Sequence[Run]
) -> Iterator[Mapping[str, str]]:
    """What was made from a registered model, the best first.

    By the newest run that took this very model: a new configuration of the index may have made it anew; then
    what the registry recorded; then by any run with the same encoder.
    """
    for run in runs:
        embedding = run.node(_MADE_BY[EMBEDDINGS])
        taken = embedding.inputs.get("model", ()) if embedding else ()
        if artifacts.get("model") in [model.uri for model in taken]:
            yield _outputs(run)
    yield artifacts
    for run in runs:
        embedding = run.node(_MADE_BY[EMBEDDINGS])
        made = embedding.outputs.get(EMBEDDINGS, ()) if embedding else ()
        if fingerprint and fingerprint in [each.properties.get("encoder_fingerprint") for each in made]:
            yield _outputs(run)


def _outputs(run: Run) -> dict[str, str]:
    nodes = {key: run.node(node_id) for key, node_id in _MADE_BY.items()}
    return {
        key: node.output(key).uri
        for key, node in nodes.items()
        if node is not None and node.state in ("ran", "cached") and node.outputs.get(key)
    }


def _of_run(config: PipelineConfig, run: Run, needs: Collection[str], lineage: Lineage) -> ModelChoice:
    outputs, record = _outputs(run), RunRecord(run)
    missing = [key for key in needs if key not in outputs]
    if missing:
        usable = [other.id for other in lineage.runs() if _outputs(other).keys() >= set(needs)]
        raise NotFoundError(
            f"Run {run.id} ({run.state}) has made no {_in_words(missing)}. "
            f"Runs that have: {', '.join(usable[:10]) or 'none yet'}."
        )
    version = int(record.delivery.version) if record.delivery.version else None
    return ModelChoice(
        version=version,
        champion=version is not None and _champion(config) == version,
        blessed=record.gate.blessed,
        refused_by=record.gate.refused_by,
        run=run.id,
        model_dir="",
        made={key: outputs[key] for key in needs},
    )


def _champion(config: PipelineConfig) -> int | None:
    """The champion; None where there is no registry (any more)."""
    try:
        location = registry_location(config)
    except RegistryError:
        return None
    return open_registry(location).alias(CHAMPION)


def _in_words(keys: Collection[str]) -> str:
    return " and ".join(key.replace("_", " ") for key in sorted(keys))
