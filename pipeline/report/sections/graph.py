"""The pipeline as a graph: nodes in layers, edges by the artifacts that flow."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from pipeline.lineage import Artifact, NodeRun, Run

NODE_WIDTH, NODE_HEIGHT = 190, 52
_GAP_X, _GAP_Y, _MARGIN = 20, 34, 8
_LONG_VALUE = 120


@dataclasses.dataclass(frozen=True)
class Flow:
    """An artifact at a node: under which key, and for inputs which node made it."""

    key: str
    artifact: Artifact
    node_id: str


@dataclasses.dataclass(frozen=True)
class Node:
    """One node with its place; x and y are of the upper left corner."""

    run: NodeRun
    x: float
    y: float
    inputs: tuple[Flow, ...]
    outputs: tuple[Flow, ...]
    properties: tuple[tuple[str, str], ...]

    @property
    def output_ids(self) -> str:
        """Artifact ids of the outputs, such as `#3 #4`."""
        return " ".join(f"#{flow.artifact.id}" for flow in self.outputs)


@dataclasses.dataclass(frozen=True)
class Edge:
    """From one node to another; `path` is of an SVG path element."""

    source: str
    target: str
    path: str


@dataclasses.dataclass(frozen=True)
class Graph:
    """The drawing: sizes in SVG units."""

    width: float
    height: float
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def collect_graph(run: Run) -> Graph:
    """Lays out the nodes of a run, top to bottom in the order in which artifacts flow."""
    maker = {artifact.id: node.id for node in run.nodes for _, artifact in _flat(node.outputs)}
    sources = {
        node.id: {maker[a.id] for _, a in _flat(node.inputs) if maker.get(a.id, node.id) != node.id}
        for node in run.nodes
    }
    layers = _layers(run, sources)
    widest = max(map(len, layers))
    width = widest * (NODE_WIDTH + _GAP_X) - _GAP_X + 2 * _MARGIN
    places = {}
    for row, layer in enumerate(layers):
        used = len(layer) * (NODE_WIDTH + _GAP_X) - _GAP_X
        for column, node in enumerate(layer):
            x = (width - used) / 2 + column * (NODE_WIDTH + _GAP_X)
            places[node.id] = (x, _MARGIN + row * (NODE_HEIGHT + _GAP_Y))
    nodes = tuple(_node(node, places[node.id], maker) for node in run.nodes)
    edges = tuple(
        Edge(source, node.id, _path(places[source], places[node.id]))
        for node in run.nodes
        for source in sorted(_direct(sources[node.id], sources))
    )
    height = len(layers) * (NODE_HEIGHT + _GAP_Y) - _GAP_Y + 2 * _MARGIN
    return Graph(width, height, nodes, edges)


def _direct(own: set[str], sources: Mapping[str, set[str]]) -> set[str]:
    """Sources that aren't reached through another source: without them the drawing is a thicket."""
    indirect: set[str] = set()
    todo = [other for source in own for other in sources[source]]
    while todo:
        node = todo.pop()
        if node not in indirect:
            indirect.add(node)
            todo.extend(sources[node])
    return own - indirect


def _layers(run: Run, sources: Mapping[str, set[str]]) -> list[list[NodeRun]]:
    """Nodes by the longest way from a node without inputs."""
    depth: dict[str, int] = {}
    for node in run.nodes:  # in the order in which they started: sources first
        depth[node.id] = max((depth.get(source, 0) + 1 for source in sources[node.id]), default=0)
    layers: list[list[NodeRun]] = [[] for _ in range(max(depth.values()) + 1)]
    for node in run.nodes:
        layers[depth[node.id]].append(node)
    return layers


def _path(source: tuple[float, float], target: tuple[float, float]) -> str:
    x1, y1 = source[0] + NODE_WIDTH / 2, source[1] + NODE_HEIGHT
    x2, y2 = target[0] + NODE_WIDTH / 2, target[1] - 3
    bend = min((y2 - y1) / 2, 60)
    return f"M{x1:.0f} {y1:.0f} C{x1:.0f} {y1 + bend:.0f} {x2:.0f} {y2 - bend:.0f} {x2:.0f} {y2:.0f}"


def _node(node: NodeRun, place: tuple[float, float], maker: Mapping[int, str]) -> Node:
    return Node(
        node,
        *place,
        inputs=tuple(Flow(key, artifact, maker.get(artifact.id, "")) for key, artifact in _flat(node.inputs)),
        outputs=tuple(Flow(key, artifact, node.id) for key, artifact in _flat(node.outputs)),
        properties=tuple((key, _shown(value)) for key, value in sorted(node.properties.items())),
    )


def _flat(artifacts: Mapping[str, tuple[Artifact, ...]]) -> list[tuple[str, Artifact]]:
    return [(key, artifact) for key, found in artifacts.items() for artifact in found]


def _shown(value: Any) -> str:
    """A property as text; JSON is indented, as it is the configuration of the node."""
    text = str(value)
    try:
        parsed = json.loads(text)
    except ValueError:
        return text
    if not isinstance(parsed, dict | list):
        return text
    inner = _unpacked(parsed)
    indented = json.dumps(inner, indent=2, ensure_ascii=False)
    return indented if len(indented) > _LONG_VALUE else json.dumps(inner, ensure_ascii=False)


def _unpacked(value: Any) -> Any:
    """JSON within strings of JSON becomes part of it."""
    if isinstance(value, dict):
        return {key: _unpacked(inner) for key, inner in value.items()}
    if isinstance(value, str) and value[:1] in "{[":
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
