"""A root with a registry, recorded runs and real indexes, from which `search` and `serve` choose."""

import dataclasses
import pathlib
import shutil
from typing import Any

from tests.components.similarity_index_gen.conftest import make_index
from tests.components.tiny_models import random_kernel
from tests.pipeline.recorded_runs import RecordedRuns
from tfx_contrastive.components.model.fingerprint import encoder_fingerprint
from tfx_contrastive.components.registry import promotion
from tfx_contrastive.components.registry.interface import VersionRecord
from tfx_contrastive.components.registry.mlflow_backend import MlflowRegistry
from tfx_contrastive.components.registry.store import digest_of
from tfx_contrastive.pipeline.config import PipelineConfig, load_config


@dataclasses.dataclass
class Consumed:
    """The root of a pipeline `digits`, and two models with an index each, of different encoders."""

    config: PipelineConfig
    runs: RecordedRuns
    made: list[Any]

    @property
    def options(self) -> tuple[str, ...]:
        return ("--config", "digits", "--set", f"root={self.config.root}")

    @property
    def registry(self) -> MlflowRegistry:
        return MlflowRegistry(self.config.name, f"{self.config.root}/registry")

    def record_run(self, run_id: str, number: int, blessed: bool) -> None:
        """Record a run that made model `number`, with its verdict."""
        made = self.made[number]
        runs, root = self.runs, pathlib.Path(made.index_uri).parent
        runs.add(run_id, "StatisticsGen", {"statistics": (f"{root}/statistics", {})})
        runs.add(run_id, "Trainer", {"model": (str(root), {})})
        runs.add(run_id, "Evaluator", {"blessing": (f"{root}/blessing", {"blessed": int(blessed)})})
        runs.add(run_id, "CombinedBlessing", {"blessing": (f"{root}/both", {"blessed": int(blessed)})})
        fingerprint = {"encoder_fingerprint": encoder_fingerprint(made.model_dir)}
        embeddings = f"{root}/embeddings"
        runs.add(run_id, "EmbeddingGen", {"embeddings": (embeddings, fingerprint)}, {"model": str(root)})
        runs.add(run_id, "SimilarityIndexGen", {"similarity_index": (made.index_uri, fingerprint)})
        version = self.register(run_id, number) if blessed else 0
        registration = {"registered": int(blessed), "version": version}
        runs.add(run_id, "RegistryPusher", {"registration": (f"{root}/registration", registration)})

    def register(self, run_id: str, number: int) -> int:
        """Register model `number` as blessed and make it champion."""
        made = self.made[number]
        lineage = {"run": run_id, "artifacts": {"model": [{"uri": str(pathlib.Path(made.index_uri).parent)}]}}
        facts = {"lineage": lineage, "encoder_fingerprint": encoder_fingerprint(made.model_dir)}
        record = VersionRecord(digest_of(made.model_dir), True, facts, "# Card\n")
        version = self.registry.register(made.model_dir, record).number
        promotion.promote(self.registry, version, f"run {run_id}", "blessed")
        return version


def make_consumed(folder: pathlib.Path, empty_database: Any) -> Consumed:
    """Make the root and the two models; no run is recorded so far."""
    config = load_config("digits", [f"root={folder / 'root'}"])
    registry = pathlib.Path(config.root, "registry")
    registry.mkdir(parents=True)
    shutil.copy(empty_database, registry / "registry.sqlite")
    made = [make_index(folder / str(number), random_kernel(number + 1)) for number in range(2)]
    return Consumed(config, RecordedRuns(config), made)
