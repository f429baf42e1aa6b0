"""The choice of a model for `search` and other consumers: the champion, another version, or that of a run.

The registry knows the champion, and blessing artifacts hold the decisions of the gates. Artifacts that were
made from a model (embeddings, index, statistics) are found by lineage, so that they belong to this model.
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
    """A model and the artifacts made from it.

    Attributes:
        version: Version number in the registry; None if it is not registered.
        champion: Whether it is the champion.
        blessed: The decision of the gates; None if unknown.
        refused_by: Node ids of the gates that refused it, as far as the metadata says.
        run: Id of the run that made it; empty if unknown.
        model_dir: Directory of the SavedModel; if empty, index and embeddings name it.
        made: URIs of the requested artifacts, by `INDEX`, `EMBEDDINGS` and `STATISTICS`.
        given: Directory that the user named instead of a version or a run; else empty.
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
        """Return the choice in words, such as `version 2, the champion`."""
        if self.given:
            return f"the model of {self.given}, as given"
        verdict = Decision(self.blessed, self.refused_by).short
        if self.version is None:
            return f"the model of run {self.run}, {verdict}, not in the registry"
        if self.champion:
            return f"version {self.version}, the champion" + ("" if self.blessed else f", {verdict}")
        return f"version {self.version}, not the champion, {verdict}"

    @property
    def index_uri(self) -> str:
        """URI of the SimilarityIndex made from the model; it must have been asked for."""
        return self.made[INDEX]

    def marked(self, champion: bool) -> "ModelChoice":
        """Return the same choice with another value of `champion`, after a promotion or a rollback."""
        return dataclasses.replace(self, champion=champion)

    def values(self) -> dict[str, Any]:
        """Return the choice as JSON values, for programs."""
        return {
            "version": self.version,
            "champion": self.champion,
            "blessed": self.blessed,
            "run": self.run or None,
            "description": str(self),
        }


def registry_location(config: PipelineConfig) -> RegistryLocation:
    """Return the location of the pipeline's registry.

    Raises:
        RegistryError: If it is an embedded registry and no run has created it yet.
        ConfigError: If the root was moved.
    """
    require_unmoved(config)
    directory = f"{config.root}/registry"
    if config.registry.uri is None and not os.path.isdir(directory):
        raise RegistryError(f"{directory} has no registry yet: the first blessed run creates it.")
    return RegistryLocation(config.registry, config.name, directory, config.serving_dir)


def choose(
    config: PipelineConfig, needs: Collection[str], version: str | None = None, run: str | None = None
) -> ModelChoice:
    """Choose the champion, or the model that the user named.

    Args:
        config: The configuration of the pipeline.
        needs: Artifacts that must have been made from the model: `INDEX`, `EMBEDDINGS`, `STATISTICS`.
        version: A version number or an alias; None for the champion.
        run: Name of a run (see `lineage.find_run`); None to choose by version.

    Returns:
        The model with the required artifacts.

    Raises:
        NotFoundError: If there is no such model; the text lists those that exist.
        RegistryError: If the registry can't be read.
    """
    lineage = Lineage(reading_config(config), config.name)
    if run is not None:
        return _of_run(config, lineage.run(run), needs, lineage)
    try:
        location = registry_location(config)
    except RegistryError as error:  # no run has created it, or it was removed
        if version is not None:
            raise
        raise _no_champion(config, lineage) from error
    registry = open_registry(location)
    number = _number(registry, version)
    if number is None:
        raise _no_champion(config, lineage)
    return _of_version(registry, number, lineage.runs(), needs)


def champion_watch(config: PipelineConfig) -> Callable[[], int | None]:
    """Return a function that asks the registry for the champion; each call is one small query.

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
            "that far, or its metadata is gone, and no other run used the same encoder. Name another model "
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
    """Yield the artifacts made from a registered model, the best first.

    First come those of the newest run that used this model, since a new configuration of the index may have
    rebuilt it; then those that the registry recorded; then those of any run with the same encoder.
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
    """Return the champion; None if there is no registry (anymore)."""
    try:
        location = registry_location(config)
    except RegistryError:
        return None
    return open_registry(location).alias(CHAMPION)


def _in_words(keys: Collection[str]) -> str:
    return " and ".join(key.replace("_", " ") for key in sorted(keys))
