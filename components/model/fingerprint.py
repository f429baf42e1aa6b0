"""The identity of an encoder: a digest of the function that `embed_bytes` computes.

Embeddings of two models can be compared if and only if both models compute them in the same way. Indexes and
caches of embeddings therefore store this fingerprint. A digest of the model's files would not do: it changes
with every classifier head on the same frozen encoder, and with every export, because TensorFlow numbers the
names of functions and nodes. Every image would have to be embedded again each time.

The digest covers the expression `embedding = f(image_bytes)`: each operation with its attributes and the
digests of its inputs, down to constants and the values of variables. It ignores names, assertions and
everything that the embedding does not depend on, such as the classifier head and the class names.
"""

import dataclasses
import graphlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tfx_contrastive.contract import files
from tfx_contrastive.contract.errors import InputError
from tfx_contrastive.contract.signatures import ASSETS_EXTRA, EMBED_BYTES, EMBEDDING, IMAGE_BYTES

from .saved import SAVED_MODEL_FILE, model_digest

_CALLS = ("PartitionedCall", "StatefulPartitionedCall")
_IGNORED_ATTRIBUTES = ("config", "config_proto", "executor_type", "shared_name", "container")
_IGNORED_FILES = frozenset({"fingerprint.pb", ASSETS_EXTRA, "keras_metadata.pb"})


def encoder_fingerprint(model_dir: str) -> str:
    """Compute the fingerprint of a SavedModel's encoder.

    Args:
        model_dir: Directory of a SavedModel with the signature `embed_bytes`, local or remote.

    Returns:
        SHA-256, hex. Equal for copies of a model and for models that share the encoder. If the embedding
        depends on something that is neither variable nor constant, such as a lookup table, this is the digest
        of the model's files, which changes more often than necessary.

    Raises:
        ValueError: If there is no SavedModel, or it has no such signature.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    path = files.join(model_dir, SAVED_MODEL_FILE)
    if not files.is_file(path):
        raise InputError(f"Received {model_dir!r}, which holds no {SAVED_MODEL_FILE}; expected a SavedModel.")
    graph = saved_model_pb2.SavedModel.FromString(files.read_bytes(path)).meta_graphs[0]
    function = _signature_function(graph, model_dir)
    captured = _captured_values(graph, function, files.join(model_dir, "variables/variables"))
    library = {each.signature.name: each for each in graph.graph_def.library.function}
    definition = library[function]
    outputs = [each.name for each in definition.signature.output_arg]
    # Signature wrappers return their tensors in the order of the names.
    names = sorted(graph.signature_def[EMBED_BYTES].outputs)
    digests = _Expressions(library).of_function(definition, [IMAGE_BYTES, *captured])
    found = digests[names.index(EMBEDDING) if len(outputs) == len(names) else 0]
    return found or model_digest(model_dir, _IGNORED_FILES)


def _signature_function(graph: Any, model_dir: str) -> str:
    """Return the name of the function behind `embed_bytes`."""
    objects = graph.object_graph_def.nodes
    # A protobuf map adds every key that is read: test for it first.
    if EMBED_BYTES not in graph.signature_def or (EMBEDDING not in graph.signature_def[EMBED_BYTES].outputs):
        found = sorted(name for name in graph.signature_def if not name.startswith("__"))
        raise InputError(
            f"{model_dir!r} has the signatures {found}; expected {EMBED_BYTES!r} with the output "
            f"{EMBEDDING!r}. Give a model that this pipeline's Pretrainer or Trainer has written."
        )
    for child in objects[0].children:
        if child.local_name == "signatures":
            for signature in objects[child.node_id].children:
                if signature.local_name == EMBED_BYTES:
                    return str(objects[signature.node_id].bare_concrete_function.concrete_function_name)
    raise InputError(f"{model_dir!r} is a SavedModel of TensorFlow 1; expected one of TensorFlow 2.")


def _captured_values(graph: Any, function: str, checkpoint: str) -> list[str]:
    """Return the digest of each captured input of a function; empty if its value can't be read."""
    import tensorflow as tf

    objects = graph.object_graph_def.nodes
    constants = {node.name: node for node in graph.graph_def.node if node.op == "Const"}
    reader: Any = None
    keys: dict[int, str] = {}
    digests = []
    for node_id in graph.object_graph_def.concrete_functions[function].bound_inputs:
        kind = objects[node_id].WhichOneof("kind")
        if kind == "variable":
            if reader is None:
                reader = tf.train.load_checkpoint(checkpoint)
                keys = _checkpoint_keys(objects, reader)
            value = reader.get_tensor(keys[node_id])
            digests.append(_digest("variable", value.dtype.str, str(value.shape), value.tobytes()))
        elif kind == "constant":
            tensor = constants[objects[node_id].constant.operation].attr["value"].tensor
            digests.append(_digest("constant", tensor.SerializeToString(deterministic=True)))
        else:
            digests.append("")
    return digests


def _checkpoint_keys(objects: Sequence[Any], reader: Any) -> dict[int, str]:
    """Return the checkpoint key of each variable, found by its path in both object graphs."""
    from tensorflow.core.protobuf import trackable_object_graph_pb2

    saved = trackable_object_graph_pb2.TrackableObjectGraph.FromString(
        reader.get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH")
    ).nodes
    pairs, seen, keys = [(0, 0)], {0}, {}
    while pairs:
        node_id, saved_id = pairs.pop()
        if saved[saved_id].attributes:
            keys[node_id] = saved[saved_id].attributes[0].checkpoint_key
        children = {child.local_name: child.node_id for child in saved[saved_id].children}
        for child in objects[node_id].children:
            if child.local_name in children and child.node_id not in seen:
                seen.add(child.node_id)
                pairs.append((child.node_id, children[child.local_name]))
    return keys


@dataclasses.dataclass(frozen=True)
class _Expressions:
    """Digests of the functions of a library; an empty digest means that it can't be computed."""

    library: Mapping[str, Any]

    def of_function(self, function: Any, arguments: Sequence[str]) -> list[str]:
        """Return the digest of each output, given the digests of the arguments."""
        values = {
            argument.name: [digest]
            for argument, digest in zip(function.signature.input_arg, arguments, strict=True)
        }
        nodes = {node.name: node for node in function.node_def}
        results = [function.ret[output.name] for output in function.signature.output_arg]
        for name in _needed(nodes, [_source(result)[0] for result in results]):
            inputs = [_look_up(values, each) for each in nodes[name].input if not each.startswith("^")]
            values[name] = self._of_node(nodes[name], inputs)
        return [_look_up(values, result) for result in results]

    def _of_node(self, node: Any, inputs: Sequence[str]) -> list[str]:
        if node.op in _CALLS:
            return self.of_function(self.library[node.attr["f"].func.name], inputs)
        if not all(inputs):
            return [""]
        attributes = (
            f"{name}={self._of_attribute(node.attr[name])}"
            for name in sorted(node.attr)
            if not name.startswith("_") and name not in _IGNORED_ATTRIBUTES
        )
        return [_digest(node.op, *attributes, *inputs)]

    def _of_attribute(self, value: Any) -> str:
        kind = value.WhichOneof("value")
        if kind == "func":
            return self._of_body(value.func.name)
        if kind == "list" and value.list.func:
            return ",".join(self._of_body(each.name) for each in value.list.func)
        return bytes(value.SerializeToString(deterministic=True)).hex()

    def _of_body(self, name: str) -> str:
        """Return the digest of a function that an operation has as attribute, such as the body of a loop."""
        function = self.library[name]
        arguments = [f"argument {index}" for index in range(len(function.signature.input_arg))]
        return _digest("function", *self.of_function(function, arguments))


def _needed(nodes: Mapping[str, Any], results: Sequence[str]) -> Iterator[str]:
    """Return the names of the nodes that the results depend on, in topological order."""
    graph: dict[str, set[str]] = {}
    pending = [name for name in results if name in nodes]
    while pending:
        name = pending.pop()
        if name not in graph:
            sources = (_source(each)[0] for each in nodes[name].input if not each.startswith("^"))
            graph[name] = {source for source in sources if source in nodes}
            pending.extend(graph[name])
    return iter(graphlib.TopologicalSorter(graph).static_order())


def _look_up(values: Mapping[str, list[str]], reference: str) -> str:
    name, position = _source(reference)
    digests = values[name]
    # A call has one digest per output; any other operation has one digest, to which the position is added.
    if len(digests) > 1:
        return digests[int(position.rpartition(":")[2])]
    return digests[0] and (_digest(digests[0], position) if position not in ("", "0") else digests[0])


def _source(reference: str) -> tuple[str, str]:
    """Split `node:output:index`, or the name of an argument, into the node and the rest."""
    name, _, position = reference.partition(":")
    return name, position


def _digest(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else part.encode()
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()
