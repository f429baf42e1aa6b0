"""The state of the data and of the code before a pipeline runs: fingerprints and provenance."""

import contextlib
import dataclasses
import functools
import hashlib
import importlib.resources
import os
import pathlib
import subprocess
from collections.abc import Callable
from typing import Any

from tfx_contrastive.components.image_example_gen import SourceInspection, fingerprint
from tfx_contrastive.components.image_example_gen.fingerprints import FILE_NAME
from tfx_contrastive.pipeline.config import PipelineConfig


@dataclasses.dataclass(frozen=True)
class Source:
    """The state of the data before the pipeline runs.

    Attributes:
        fingerprint: A digest of the data and of the code that reads it; if it is unchanged, ImageExampleGen
            is taken from the cache.
        has_labels: Whether any image has a label; without labels, no classifier is trained.
    """

    fingerprint: str
    has_labels: bool = True


def source_of(
    config: PipelineConfig, inspection: SourceInspection, tell: Callable[[int, int], None] | None = None
) -> Source:
    """Return the source for the pipeline. It reads the files that changed since the last run.

    Args:
        config: The configuration; digests of files are kept under its root, if the root exists.
        inspection: The inspection of `config.data`.
        tell: Called with the number of files that are done and the number of all files.
    """
    store_path = os.path.join(config.root, FILE_NAME) if os.path.isdir(config.root) else None
    content = fingerprint(inspection.content, store_path, config.data.verify == "all", tell)
    fingerprint_of_all = f"{content}-{code_digest('components')}"
    return Source(fingerprint_of_all, inspection.has_labels)


@functools.cache
def code_digest(package: str) -> str:
    """Return a digest of the sources of a package below `tfx_contrastive`, and of `contract`.

    The cache of TFX knows components and `run_fn` functions by their names only. Without this digest, it
    would return results of former code.
    """
    root = pathlib.Path(str(importlib.resources.files("tfx_contrastive")))
    digest = hashlib.sha256()
    for folder in (root / "contract", root / package):
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0")
            digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def provenance(config: PipelineConfig) -> dict[str, Any]:
    """Return the provenance that is recorded with a registered model.

    Returns:
        `config_digest` (SHA-256 of the configuration as JSON without root and metadata, so that the same
        configuration has the same digest on every machine), the digests of the code, `git_commit` if the
        package runs from a checkout (with `-dirty` if files differ from the commit), and `parameters`: the
        values that can be set when a compiled pipeline is submitted.
    """
    described = config.model_dump_json(exclude={"root", "metadata"})
    facts: dict[str, Any] = {
        "config_digest": hashlib.sha256(described.encode()).hexdigest(),
        "components_digest": code_digest("components"),
        "trainer_module_digest": code_digest("trainer_module"),
        "parameters": {
            "labels_per_class": config.data.labels_per_class,
            "pretrain_steps": config.pretrain.num_steps,
            "head_steps": config.head.num_steps,
        },
    }
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        command = ["git", "describe", "--always", "--exclude=*", "--abbrev=40", "--dirty"]
        folder = pathlib.Path(__file__).parent
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
        facts["git_commit"] = done.stdout.strip()
    return facts
