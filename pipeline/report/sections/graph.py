"""The section on the pipeline: its nodes as a graph in layers, with edges where artifacts flow."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from tfx_contrastive.pipeline.runs.lineage import Artifact, NodeRun, Run

NODE_WIDTH, NODE_HEIGHT = 178, 64
_LONG_VALUE = 120
_VIA_WIDTH = 28.0  # room for an edge that passes a layer


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Sizes of the boxes and of the gaps between them."""

    width: float
    height: float
    gap_x: float
    gap_y: float
    margin: float


@dataclasses.dataclass(frozen=True)
class Layout:
    """Positions of the nodes and edges of a graph.

    Attributes:
        places: Upper left corner (x, y) per node.
        routes: Points from the bottom of the source to the top of the target per edge (source, target).
        width: Width of the drawing.
        height: Height of the drawing.
    """

    places: Mapping[str, tuple[float, float]]
    routes: Mapping[tuple[str, str], tuple[tuple[float, float], ...]]
    width: float
    height: float


_SIZES = Sizes(NODE_WIDTH, NODE_HEIGHT, gap_x=14, gap_y=34, margin=8)


@dataclasses.dataclass(frozen=True)
class Flow:
    """An artifact at a node, its key and the node that made it."""

    key: str
    artifact: Artifact
    node_id: str


@dataclasses.dataclass(frozen=True)
class Node:
    """One node; x and y are its upper left corner."""

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
    """An edge from one node to another; `path` is the `d` of an SVG path element."""

    source: str
    target: str
    path: str


@dataclasses.dataclass(frozen=True)
class Graph:
    """The section; sizes are in SVG units."""

    width: float
    height: float
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def collect_graph(run: Run) -> Graph:
    """Lay out the nodes of a run from top to bottom, in the order in which artifacts flow."""
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
    """Return the sources that no path through another source reaches; more edges would hide the graph."""
    indirect: set[str] = set()
    todo = [other for source in own for other in sources[source]]
    while todo:
        node = todo.pop()
        if node not in indirect:
            indirect.add(node)
            todo.extend(sources[node])
    return own - indirect


def _path(points: Sequence[tuple[float, float]]) -> str:
    """Return the path of an edge: curves between layers, straight lines beside nodes that it passes."""
    x, y = points[0]
    path = [f"M{x:.0f} {y:.0f}"]
    for number, (to_x, to_y) in enumerate(points[1:]):
        if number % 2:
            path.append(f"L{to_x:.0f} {to_y:.0f}")
        else:
            end = to_y - 3 if number == len(points) - 2 else to_y  # room for the arrowhead
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
    """Return a property as text; long JSON is indented."""
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
    """Parse JSON within the strings of a JSON value."""
    if isinstance(value, dict):
        return {key: _unpacked(inner) for key, inner in value.items()}
    if isinstance(value, str) and value[:1] in "{[":
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def lay_out(nodes: Sequence[str], sources: Mapping[str, Sequence[str]], sizes: Sizes) -> Layout:
    """Lay out a graph without cycles in layers, from top to bottom (Sugiyama et al., 1981).

    Within a layer, nodes are ordered by the mean position of their sources. An edge that passes a layer has
    a place of its own in it.

    Args:
        nodes: At least one node; sources come before the nodes that read from them.
        sources: Sources of each node.
        sizes: Sizes of boxes and gaps.
    """
    depth: dict[str, int] = {}
    for node in nodes:
        depth[node] = max((depth[source] + 1 for source in sources[node]), default=0)
    # An item is a node, or (source, target, layer): the place where an edge passes that layer.
    layers: list[list[Any]] = [[] for _ in range(max(depth.values()) + 1)]
    above: dict[Any, list[Any]] = {}
    for node in nodes:
        layers[depth[node]].append(node)
        above[node] = []
        for source in sources[node]:
            previous: object = source
            for level in range(depth[source] + 1, depth[node]):
                via = (source, node, level)
                layers[level].append(via)
                above[via] = [previous]
                previous = via
            above[node].append(previous)
    total = max(_width(layer, sizes) for layer in layers) + 2 * sizes.margin
    centers: dict[Any, float] = {}
    for layer in layers:
        layer.sort(key=lambda item: _mean([centers[source] for source in above[item]], total / 2))
        x = (total - _width(layer, sizes)) / 2
        for item in layer:
            centers[item] = x + _item_width(item, sizes) / 2
            x += _item_width(item, sizes) + sizes.gap_x
    tops = [sizes.margin + row * (sizes.height + sizes.gap_y) for row in range(len(layers))]
    places = {node: (centers[node] - sizes.width / 2, tops[depth[node]]) for node in nodes}
    routes = {}
    for node in nodes:
        for source in sources[node]:
            points = [(centers[source], tops[depth[source]] + sizes.height)]
            for level in range(depth[source] + 1, depth[node]):
                x = centers[source, node, level]
                points += [(x, tops[level]), (x, tops[level] + sizes.height)]
            routes[source, node] = (*points, (centers[node], tops[depth[node]]))
    return Layout(places, routes, total, tops[-1] + sizes.height + sizes.margin)


def _item_width(item: object, sizes: Sizes) -> float:
    return sizes.width if isinstance(item, str) else _VIA_WIDTH


def _width(layer: Sequence[object], sizes: Sizes) -> float:
    return sum(_item_width(item, sizes) for item in layer) + sizes.gap_x * (len(layer) - 1)


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default
