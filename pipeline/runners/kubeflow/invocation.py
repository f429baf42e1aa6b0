"""Adapt the input and output of a container to what TFX and open-source KFP expect.

The container entry point of TFX was written for managed pipelines. Open-source KFP differs: input artifacts
have no type, there is an additional output for logs, lists and structs in metadata are wrapped, artifacts
have URIs that TensorFlow can't open, and metadata may not contain null (see the list in docs/kubeflow.md).
All functions here are pure: JSON in, JSON out.
"""

from collections.abc import Callable, Mapping
from typing import Any

# KFP's launcher copies these to and from local directories: minio://b/k becomes /minio/b/k.
_LOCAL_DIRECTORIES = {"minio://": "/minio/", "s3://": "/s3/", "gs://": "/gcs/"}


class Storage:
    """Maps artifact URIs to the local directories of the launcher, and back."""

    def __init__(self, local_root: str = ""):
        """Create the mapping.

        Args:
            local_root: Prefix of the local directories, for tests that run several "containers" on one file
                system.
        """
        self._pairs = [(scheme, local_root + folder) for scheme, folder in _LOCAL_DIRECTORIES.items()]

    def local(self, uri: str) -> str:
        """Return the local path of an artifact; text that is not a known URI is returned unchanged."""
        return self._replaced(uri, self._pairs)

    def remote(self, path: str) -> str:
        """Return the URI of a local path; other paths are returned unchanged."""
        return self._replaced(path, [(folder, scheme) for scheme, folder in self._pairs])

    @staticmethod
    def _replaced(text: str, pairs: list[tuple[str, str]]) -> str:
        for old, new in pairs:
            if text.startswith(old):
                return new + text[len(old) :]
        return text


class ManagedStorage(Storage):
    """Maps nothing: in managed pipelines TensorFlow itself opens gs:// URIs."""

    def __init__(self) -> None:
        super().__init__()
        self._pairs = []


def repaired_input(
    invocation: Mapping[str, Any], inputs_spec: Mapping[str, Any], storage: Storage
) -> dict[str, Any]:
    """Return the executor input in the form that the entry point of TFX expects.

    Args:
        invocation: KFP's ExecutorInput.
        inputs_spec: The compiled ComponentInputsSpec, which has the types.
        storage: Maps URIs.

    Returns:
        A new ExecutorInput.
    """
    specs = inputs_spec.get("artifacts", {})
    inputs = invocation.get("inputs", {})
    outputs = invocation.get("outputs", {})

    def named(_key: str, artifact: Mapping[str, Any]) -> dict[str, Any]:
        # TFX identifies the model that an Evaluator blessed by its name; KFP may leave names out.
        return {**artifact, "name": artifact.get("name") or artifact["uri"]}

    def typed(key: str, artifact: Mapping[str, Any]) -> dict[str, Any]:
        return {**named(key, artifact), "type": specs[key]["artifactType"]}

    return {
        **invocation,
        "inputs": {
            **inputs,
            "artifacts": _each_artifact(inputs.get("artifacts", {}), storage.local, typed),
        },
        "outputs": {
            **outputs,
            "artifacts": _each_artifact(
                {
                    key: value
                    for key, value in outputs.get("artifacts", {}).items()
                    if not _is_kfps_own(value)
                },
                storage.local,
                named,
            ),
        },
    }


def repaired_output(result: Mapping[str, Any], storage: Storage) -> dict[str, Any]:
    """Return the executor output in the form that the launcher of KFP expects: remote URIs, no nulls."""

    def with_remote_paths(_key: str, artifact: Mapping[str, Any]) -> dict[str, Any]:
        metadata = {
            name: storage.remote(value) if isinstance(value, str) else value
            for name, value in artifact.get("metadata", {}).items()
            if value is not None
        }
        return {**artifact, "metadata": metadata}

    return {
        **result,
        "artifacts": _each_artifact(result.get("artifacts", {}), storage.remote, with_remote_paths),
    }


def _each_artifact(
    lists: Mapping[str, Any],
    place: Callable[[str], str],
    finish: Callable[[str, Mapping[str, Any]], dict[str, Any]],
) -> dict[str, Any]:
    result = {}
    for key, holder in lists.items():
        artifacts = []
        for artifact in holder.get("artifacts", ()):
            moved = finish(key, artifact)
            moved["uri"] = place(artifact["uri"])
            moved["metadata"] = {name: _unwrapped(v) for name, v in moved.get("metadata", {}).items()}
            artifacts.append(moved)
        result[key] = {"artifacts": artifacts}
    return result


def _unwrapped(value: Any) -> Any:
    """Return the value inside `{"struct": {...}}` or `{"list": [...]}`, the form of KFP's metadata store."""
    if isinstance(value, dict) and len(value) == 1 and next(iter(value)) in ("struct", "list"):
        return next(iter(value.values()))
    return value


def _is_kfps_own(holder: Mapping[str, Any]) -> bool:
    """Return whether KFP added this output (`executor-logs`, a `system.Artifact`)."""
    types = [artifact.get("type", {}) for artifact in holder.get("artifacts", ())]
    return any(kind.get("schemaTitle", "").startswith("system.") for kind in types)
