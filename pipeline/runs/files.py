"""Reads files of artifacts, local or on an object store."""

import json
import posixpath
from typing import Any

import tensorflow as tf

from .lineage import Artifact, NodeRun, Run


def read_bytes(*parts: str) -> bytes:
    """Content of the file at the joined path."""
    with tf.io.gfile.GFile(posixpath.join(*parts), "rb") as file:
        return file.read()


def read_json(*parts: str) -> Any:
    """Parsed content of a JSON file at the joined path."""
    return json.loads(read_bytes(*parts))


def exists(*parts: str) -> bool:
    """Whether there is something at the joined path."""
    return tf.io.gfile.exists(posixpath.join(*parts))


def saved_model_dir(model: Artifact) -> str:
    """Directory of the SavedModel in a Model artifact, where TFX's Trainer puts it."""
    return posixpath.join(model.uri, "Format-Serving")


def split_names(artifact: Artifact) -> tuple[str, ...]:
    """Names of the splits of an Examples, ExampleStatistics or ExampleAnomalies artifact."""
    return tuple(json.loads(artifact.properties.get("split_names") or "[]"))


def split_dir(artifact: Artifact, split: str) -> str:
    """Directory of one split."""
    return posixpath.join(artifact.uri, f"Split-{split}")


def finished_node(run: Run, node_id: str) -> NodeRun | None:
    """The node if it has ended well in this run, else None."""
    node = run.node(node_id)
    return node if node is not None and node.state in ("ran", "cached") else None


def finished_output(run: Run, node_id: str, key: str) -> Artifact | None:
    """The one output of a node that has ended well, else None."""
    node = finished_node(run, node_id)
    return node.output(key) if node is not None and len(node.outputs.get(key, ())) == 1 else None
