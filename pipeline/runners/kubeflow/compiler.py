"""Compile the pipeline for Kubeflow Pipelines v2 and for Vertex AI Pipelines."""

import dataclasses
import json
import pathlib
import tempfile
from collections.abc import Mapping
from typing import Any, Literal

import yaml
from tfx.orchestration.kubeflow.decorators import FinalStatusStr
from tfx.orchestration.kubeflow.v2 import compiler_utils
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner as tfx_runner
from tfx.types import Artifact
from tfx.types.experimental import simple_artifacts

from tfx_contrastive.contract.errors import ConfigError
from tfx_contrastive.pipeline import pipeline as topology
from tfx_contrastive.pipeline.config import PipelineConfig
from tfx_contrastive.pipeline.config.model import SqliteMetadataConfig
from tfx_contrastive.pipeline.config.platforms import EXIT_HANDLER, KubeflowConfig
from tfx_contrastive.pipeline.runners.kubeflow import entrypoint, finishing
from tfx_contrastive.pipeline.runners.kubeflow.exit_handler import ReportOutcome
from tfx_contrastive.pipeline.runners.kubeflow.parameters import run_parameters
from tfx_contrastive.pipeline.source import Source

Target = Literal["kubeflow", "vertex"]


@dataclasses.dataclass(frozen=True)
class Compiled:
    """A compiled pipeline.

    Attributes:
        spec: The PipelineSpec (schema 2.1.0), as JSON.
        platform: The document with Kubernetes settings; None if there are none, or for Vertex.
        job: The PipelineJob, only for Vertex.
    """

    spec: Mapping[str, Any]
    platform: Mapping[str, Any] | None = None
    job: Mapping[str, Any] | None = None

    def text(self) -> str:
        """Return the content of the file: YAML for Kubeflow, JSON for Vertex."""
        if self.job is not None:
            return json.dumps(self.job, indent=2, sort_keys=True) + "\n"
        documents = [self.spec] if self.platform is None else [self.spec, self.platform]
        name = self.spec["pipelineInfo"]["name"]
        return f"# PIPELINE DEFINITION\n# Name: {name}\n" + yaml.safe_dump_all(documents, sort_keys=True)


def compile_pipeline(config: PipelineConfig, source: Source, target: Target = "kubeflow") -> Compiled:
    """Compile the pipeline, without network or credentials.

    Args:
        config: The configuration.
        source: The state of the data; see `tfx_contrastive.pipeline.source`.
        target: `kubeflow` (open source) or `vertex`.

    Returns:
        The compiled pipeline.

    Raises:
        ConfigError: If the configuration can't run on this target.
    """
    _check(config, target)
    with tempfile.TemporaryDirectory() as staging:
        # On a cluster the root is `state_root`, a run-time parameter: the pipeline is built with a temporary
        # root, which is replaced in the constants afterwards.
        staged = config.model_copy(update={"root": staging, "metadata": SqliteMetadataConfig()})
        pipeline = topology.create_pipeline(staged, source)
        for node in pipeline.components:
            for channel in node.outputs.values():
                channel.type = _known_type(channel.type)
        nodes = [node.id for node in pipeline.components]
        _check_tasks(config.kubeflow, nodes)
        runner = tfx_runner.KubeflowV2DagRunner(
            tfx_runner.KubeflowV2DagRunnerConfig(
                display_name=config.name,
                default_image=config.kubeflow.image,
                default_commands=list(entrypoint.COMMAND),
                use_pipeline_spec_2_1=True,
            )
        )
        runner.set_exit_handler(
            ReportOutcome(final_status=FinalStatusStr(), pipeline_name=config.name).with_id(EXIT_HANDLER)
        )
        job = runner.run(pipeline, write_out=False)
        finish = finishing.Finishing(
            config.kubeflow, run_parameters(config, source.fingerprint), staging, managed=target == "vertex"
        )
        spec = finish(job["pipelineSpec"])
    if target == "vertex":
        runtime: dict[str, Any] = {"gcsOutputDirectory": config.kubeflow.pipeline_root, "parameterValues": {}}
        return Compiled(spec, job={**job, "pipelineSpec": spec, "runtimeConfig": runtime})
    labels = {executor_label: node for node, executor_label in finishing.executor_labels(spec).items()}
    tasks = {label: config.kubeflow.task(node) for label, node in labels.items()}
    return Compiled(spec, finishing.platform_document(tasks))


def write(compiled: Compiled, path: str) -> None:
    """Write the compiled pipeline to a file.

    Raises:
        ConfigError: If the ending of the file name does not fit the target.
    """
    wanted = ".json" if compiled.job is not None else ".yaml"
    if pathlib.Path(path).suffix != wanted:
        raise ConfigError(f"--out: received {path!r}, expected a name that ends in {wanted}.")
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(path).write_text(compiled.text(), encoding="utf-8")


def _known_type(artifact_type: type[Artifact]) -> type[Artifact]:
    """Return the type if KFP has a schema for it, else a general type with the same custom properties."""
    try:
        compiler_utils.get_artifact_schema(artifact_type)
    except ValueError:
        general: type[Artifact] = simple_artifacts.Metrics
        return general
    return artifact_type


def _check(config: PipelineConfig, target: Target) -> None:
    if config.name != config.name.lower():
        raise ConfigError(
            f"name: received {config.name!r}, expected lower-case letters: Kubeflow allows no others."
        )
    if target != "vertex":
        return
    for key in ("pipeline_root", "state_root"):
        value = getattr(config.kubeflow, key)
        if not (value or "").startswith("gs://"):
            raise ConfigError(
                f"kubeflow.{key}: received {value!r}, expected gs://…: Vertex supports no other storage."
            )


def _check_tasks(kubeflow: KubeflowConfig, nodes: list[str]) -> None:
    unknown = sorted(set(kubeflow.tasks) - {*nodes, EXIT_HANDLER})
    if unknown:
        raise ConfigError(
            f"kubeflow.tasks: received {', '.join(unknown)}; expected nodes of this pipeline: "
            f"{', '.join([*nodes, EXIT_HANDLER])}."
        )
