"""Add to TFX's compiled specification what TFX leaves out (see the list in docs/kubeflow.md)."""

import copy
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from tfx_contrastive.contract.errors import ConfigError
from tfx_contrastive.pipeline.config.platforms import (
    EXIT_HANDLER,
    KubeflowConfig,
    ResourcesConfig,
    RetryConfig,
    TaskConfig,
)
from tfx_contrastive.pipeline.runners.kubeflow.parameters import (
    EXECUTION,
    STATE_ROOT,
    Overlay,
    RunParameter,
    encode_overlays,
    token_of,
)

TFX_DAG = "tfx-dag"
# Execution properties with the path of a file that exists only while compiling: its text is sent along.
_FILES = {"ImportSchemaGen": "schema_file"}
# Execution properties with a directory that two runs must not share: name of the property, and key in it.
_PER_EXECUTION = {"Pretrainer": ("custom_config", "checkpoint_root")}
# The outcome belongs to one run.
_NEVER_CACHED = {EXIT_HANDLER}

Spec = dict[str, Any]


def executor_labels(spec: Mapping[str, Any]) -> dict[str, str]:
    """Return the executor label of every task that runs a container, by node id."""
    return {
        name: component["executorLabel"]
        for name, component in spec["components"].items()
        if "executorLabel" in component
    }


class Finishing:
    """Adds resources, retries, parameters and storage to a specification."""

    def __init__(
        self,
        kubeflow: KubeflowConfig,
        parameters: Sequence[RunParameter],
        staging: str,
        managed: bool,
    ):
        """Create the step.

        Args:
            kubeflow: Settings of the tasks.
            parameters: The run-time parameters.
            staging: The temporary root of the pipeline, which is replaced by `${state_root}`.
            managed: Whether the target is a managed service, where TensorFlow opens artifact URIs itself.
        """
        self._kubeflow = kubeflow
        self._parameters = {parameter.name: parameter for parameter in parameters}
        self._staging = staging
        self._managed = managed

    def __call__(self, compiled: Mapping[str, Any]) -> Spec:
        """Return a finished copy of a specification."""
        spec = copy.deepcopy(dict(compiled))
        dag = spec["components"][TFX_DAG]
        tasks = dict(dag["dag"]["tasks"])
        for node_id, task in tasks.items():
            self._finish_task(spec, node_id, task)
        handler = spec["root"]["dag"]["tasks"][EXIT_HANDLER]
        self._finish_task(spec, EXIT_HANDLER, handler)
        self._declare_parameters(spec, dag)
        if self._kubeflow.pipeline_root and not self._managed:
            spec["defaultPipelineRoot"] = self._kubeflow.pipeline_root
        return spec

    def _finish_task(self, spec: Spec, node_id: str, task: Spec) -> None:
        component = spec["components"][node_id]
        container = spec["deploymentSpec"]["executors"][component["executorLabel"]]["container"]
        inputs = task.get("inputs", {}).get("parameters", {})
        settings = self._kubeflow.task(node_id)

        files = self._read_files(node_id, inputs)
        self._separate_executions(node_id, inputs)
        uses_root = self._replace_root(inputs)
        overlays = self._overlays(node_id)
        wanted = {overlay.parameter for overlay in overlays} | ({STATE_ROOT} if uses_root else set())
        if wanted:
            inputs = task.setdefault("inputs", {}).setdefault("parameters", {})
        for name in sorted(wanted):
            inputs[name] = {"componentInputParameter": name}
            definitions = component.setdefault("inputDefinitions", {}).setdefault("parameters", {})
            definitions[name] = {"parameterType": self._parameters[name].type}

        container["image"] = settings.image or self._kubeflow.image
        if overlays:
            container["args"] += ["--overlays", encode_overlays(overlays)]
        if files:
            container["args"] += ["--files", json.dumps(files)]
        if self._managed:
            container["args"] += ["--storage", "managed"]
        if settings.env:
            container["env"] = [
                {"name": name, "value": value} for name, value in sorted(settings.env.items())
            ]
        if settings.resources:
            container["resources"] = _resources(settings.resources)
        if settings.retry and settings.retry.max_count:
            task["retryPolicy"] = _retry_policy(settings.retry)
        task["cachingOptions"] = {"enableCache": True} if self._is_cached(node_id, settings.cache) else {}

    def _is_cached(self, node_id: str, wanted: bool | None) -> bool:
        if node_id == "ImageExampleGen":
            # KFP sees changes of the data only in the parameter data_fingerprint, so caching is opt-in.
            return bool(self._kubeflow.tasks.get(node_id) and self._kubeflow.tasks[node_id].cache)
        return bool(wanted) and node_id not in _NEVER_CACHED

    def _overlays(self, node_id: str) -> list[Overlay]:
        return [
            overlay
            for parameter in self._parameters.values()
            for overlay in parameter.overlays.get(node_id, ())
        ]

    def _read_files(self, node_id: str, inputs: Spec) -> dict[str, str]:
        name = _FILES.get(node_id)
        if name is None:
            return {}
        path = pathlib.Path(inputs[name]["runtimeValue"]["constant"])
        # The directory name has the digest of the content, so the cache key still depends on it.
        inputs[name]["runtimeValue"]["constant"] = f"{path.parent.name}/{path.name}"
        return {name: path.read_text(encoding="utf-8")}

    def _separate_executions(self, node_id: str, inputs: Spec) -> None:
        if node_id not in _PER_EXECUTION:
            return
        name, key = _PER_EXECUTION[node_id]
        holder = json.loads(inputs[name]["runtimeValue"]["constant"])
        holder[key] = f"{holder[key]}/{token_of(EXECUTION)}"
        inputs[name]["runtimeValue"]["constant"] = json.dumps(holder)

    def _replace_root(self, inputs: Spec) -> bool:
        found = False
        for value in inputs.values():
            constant = value.get("runtimeValue", {}).get("constant")
            if isinstance(constant, str) and self._staging in constant:
                value["runtimeValue"]["constant"] = constant.replace(self._staging, token_of(STATE_ROOT))
                found = True
        return found

    def _declare_parameters(self, spec: Spec, dag: Spec) -> None:
        """Declare the parameters at the root, and pass them to the DAG of the tasks."""
        at_root, below = {}, {}
        for name, parameter in self._parameters.items():
            at_root[name] = {
                "parameterType": parameter.type,
                "defaultValue": parameter.default,
                "isOptional": True,
                "description": parameter.description,
            }
            below[name] = {"parameterType": parameter.type}
        spec["root"]["inputDefinitions"] = {"parameters": at_root}
        dag["inputDefinitions"] = {"parameters": below}
        spec["root"]["dag"]["tasks"][TFX_DAG]["inputs"] = {
            "parameters": {name: {"componentInputParameter": name} for name in self._parameters}
        }


def _resources(resources: ResourcesConfig) -> Spec:
    result: Spec = {
        "cpuLimit": resources.cpu,
        "memoryLimit": resources.memory_gb,
        "cpuRequest": resources.cpu_request,
        "memoryRequest": resources.memory_request_gb,
    }
    result = {name: value for name, value in result.items() if value is not None}
    if resources.accelerator:
        # Protobuf's JSON has 64-bit integers as text.
        result["accelerator"] = {
            "type": resources.accelerator.type,
            "count": str(resources.accelerator.count),
        }
    return result


def _retry_policy(retry: RetryConfig) -> Spec:
    return {
        "maxRetryCount": retry.max_count,
        "backoffDuration": f"{retry.wait_seconds}s",
        "backoffFactor": retry.factor,
        "backoffMaxDuration": f"{retry.max_wait_seconds}s",
    }


def platform_document(tasks: dict[str, TaskConfig]) -> dict[str, Any] | None:
    """Return the document with the Kubernetes settings, `platforms.kubernetes`.

    Args:
        tasks: Executor label -> settings of the task.

    Returns:
        The document; None if no task has such settings.

    Raises:
        ConfigError: If the installed kfp-kubernetes is too old for a setting.
    """
    executors = {label: _executor(label, task) for label, task in sorted(tasks.items())}
    executors = {label: settings for label, settings in executors.items() if settings}
    if not executors:
        return None
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}


def _executor(label: str, task: TaskConfig) -> dict[str, Any]:
    from google.protobuf import json_format
    from kfp.kubernetes import kubernetes_executor_config_pb2 as kubernetes_pb2

    settings: dict[str, Any] = {}
    if task.volumes:
        settings["pvcMount"] = [
            {"constant": volume.claim, "mountPath": volume.mount_path} for volume in task.volumes
        ]
    if volumes := [secret for secret in task.secrets if secret.mount_path]:
        settings["secretAsVolume"] = [
            {"secretName": secret.name, "mountPath": secret.mount_path} for secret in volumes
        ]
    if variables := [secret for secret in task.secrets if secret.env]:
        settings["secretAsEnv"] = [
            {
                "secretName": secret.name,
                "keyToEnv": [{"secretKey": key, "envVar": name} for key, name in secret.env.items()],
            }
            for secret in variables
        ]
    if task.node_selector:
        settings["nodeSelector"] = {"labels": task.node_selector}
    if task.tolerations:
        settings["tolerations"] = [toleration.model_dump() for toleration in task.tolerations]
    try:
        message = json_format.ParseDict(settings, kubernetes_pb2.KubernetesExecutorConfig())
    except json_format.ParseError as error:
        raise ConfigError(
            f"kubeflow.tasks: {label} has a setting unknown to the installed kfp-kubernetes: {error}. "
            "Tolerations need kfp-kubernetes 1.1 or newer, that is Python 3.11 or newer (docs/kubeflow.md)."
        ) from error
    executor: dict[str, Any] = json_format.MessageToDict(message)
    return executor
