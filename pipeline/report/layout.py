"""Lays a graph out in layers, top to bottom, with room for edges that pass a layer by."""

import dataclasses
from collections.abc import Mapping, Sequence

_VIA_WIDTH = 28.0


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Of the boxes and the gaps between them."""

    width: float
    height: float
    gap_x: float
    gap_y: float
    margin: float


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where everything is.

    Attributes:
        places: Node -> upper left corner.
        routes: (source, target) -> points from the bottom of the source to the top of the target.
        width: Of the drawing.
        height: Of the drawing.
    """

    places: Mapping[str, tuple[float, float]]
    routes: Mapping[tuple[str, str], tuple[tuple[float, float], ...]]
    width: float
    height: float


def lay_out(nodes: Sequence[str], sources: Mapping[str, Sequence[str]], sizes: Sizes) -> Layout:
    """Lays out a graph without cycles (Sugiyama et al., 1981: layers, then order by the mean of the sources).

    Args:
        nodes: At least one, sources before what reads from them.
        sources: Node -> nodes from which an edge comes.
        sizes: Of boxes and gaps.
    """
    depth: dict[str, int] = {}
    for node in nodes:
        depth[node] = max((depth[source] + 1 for source in sources[node]), default=0)
    # An item is a node, or (source, target, layer): the place where an edge passes that layer.
    layers: list[list] = [[] for _ in range(max(depth.values()) + 1)]
    above: dict = {}
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
    centres: dict = {}
    for layer in layers:
        layer.sort(key=lambda item: _mean([centres[source] for source in above[item]], total / 2))
        x = (total - _width(layer, sizes)) / 2
        for item in layer:
            centres[item] = x + _item_width(item, sizes) / 2
            x += _item_width(item, sizes) + sizes.gap_x
    tops = [sizes.margin + row * (sizes.height + sizes.gap_y) for row in range(len(layers))]
    places = {node: (centres[node] - sizes.width / 2, tops[depth[node]]) for node in nodes}
    routes = {}
    for node in nodes:
        for source in sources[node]:
            points = [(centres[source], tops[depth[source]] + sizes.height)]
            for level in range(depth[source] + 1, depth[node]):
                x = centres[source, node, level]
                points += [(x, tops[level]), (x, tops[level] + sizes.height)]
            routes[source, node] = (*points, (centres[node], tops[depth[node]]))
    return Layout(places, routes, total, tops[-1] + sizes.height + sizes.margin)


def _item_width(item: object, sizes: Sizes) -> float:
    return sizes.width if isinstance(item, str) else _VIA_WIDTH


def _width(layer: Sequence, sizes: Sizes) -> float:
    return sum(_item_width(item, sizes) for item in layer) + sizes.gap_x * (len(layer) - 1)


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default
