"""The pipeline as a graph: nodes in layers, edges by the artifacts that flow."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from tfx_contrastive.pipeline.report.layout import Sizes, lay_out
from tfx_contrastive.pipeline.runs.lineage import Artifact, NodeRun, Run

NODE_WIDTH, NODE_HEIGHT = 178, 64
_SIZES = Sizes(NODE_WIDTH, NODE_HEIGHT, gap_x=14, gap_y=34, margin=8)
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
    direct = {node_id: sorted(_direct(own, sources)) for node_id, own in sources.items()}
    layout = lay_out([node.id for node in run.nodes], direct, _SIZES)
    nodes = tuple(_node(node, layout.places[node.id], maker) for node in run.nodes)
    edges = tuple(Edge(*ends, _path(points)) for ends, points in layout.routes.items())
    return Graph(layout.width, layout.height, nodes, edges)


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


def _path(points: Sequence[tuple[float, float]]) -> str:
    """A curve between layers, a straight line beside a node that the edge passes."""
    x, y = points[0]
    path = [f"M{x:.0f} {y:.0f}"]
    for number, (to_x, to_y) in enumerate(points[1:]):
        if number % 2:
            path.append(f"L{to_x:.0f} {to_y:.0f}")
        else:
            end = to_y - 3 if number == len(points) - 2 else to_y  # room for the tip
            bend = (end - y) / 2
            path.append(f"C{x:.0f} {y + bend:.0f} {to_x:.0f} {end - bend:.0f} {to_x:.0f} {end:.0f}")
        x, y = to_x, to_y
    return " ".join(path)


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
