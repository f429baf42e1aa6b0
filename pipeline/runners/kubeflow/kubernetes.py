"""What is Kubernetes' own: the second document of the compiled file."""

from typing import Any

from tfx_contrastive.contract.errors import ConfigError
from tfx_contrastive.pipeline.config.kubeflow import TaskConfig


def platform_document(tasks: dict[str, TaskConfig]) -> dict[str, Any] | None:
    """The `platforms.kubernetes` document.

    Args:
        tasks: Executor label -> settings of its task.

    Returns:
        The document; None if no task needs one.

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
    return json_format.MessageToDict(message)
