from tests.pipeline.report.examples import example_run
from tfx_contrastive.pipeline.report.sections.graph import NODE_HEIGHT, NODE_WIDTH, collect_graph


def test_edges_follow_the_artifacts_without_detours() -> None:
    graph = collect_graph(example_run())
    assert {(edge.source, edge.target) for edge in graph.edges} == {
        ("ImageExampleGen", "StatisticsGen"),
        ("ImageExampleGen", "Transform"),
        ("Transform", "Pretrainer"),
        ("Pretrainer", "RepresentationGate"),
        ("RepresentationGate", "Pusher"),
    }


def test_nodes_lie_within_the_drawing_and_apart() -> None:
    graph = collect_graph(example_run())
    places = [(node.x, node.y) for node in graph.nodes]
    for x, y in places:
        assert 0 <= x <= graph.width - NODE_WIDTH
        assert 0 <= y <= graph.height - NODE_HEIGHT
    for number, (x, y) in enumerate(places):
        for other_x, other_y in places[:number]:
            assert abs(x - other_x) >= NODE_WIDTH or abs(y - other_y) >= NODE_HEIGHT


def test_a_node_lies_below_those_it_reads_from() -> None:
    graph = collect_graph(example_run())
    y = {node.run.id: node.y for node in graph.nodes}
    assert all(y[edge.source] < y[edge.target] for edge in graph.edges)


def test_properties_are_unpacked_and_inputs_name_their_maker() -> None:
    nodes = {node.run.id: node for node in collect_graph(example_run()).nodes}
    (ingest,) = nodes["ImageExampleGen"].properties
    assert ingest == ("ingest", '{"source": {"kind": "image_folder"}, "labels_per_class": 5}')
    assert [(flow.key, flow.artifact.id, flow.node_id) for flow in nodes["Pusher"].inputs] == [
        ("model", 5, "Pretrainer"),
        ("blessing", 6, "RepresentationGate"),
    ]
