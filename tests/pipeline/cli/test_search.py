import json

import pytest
from click.testing import CliRunner
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd
from PIL import Image

from pipeline.cli.search import command
from pipeline.cli.searching import newest_output
from pipeline.config import load_config
from pipeline.metadata import connection_config
from tests.components.similarity_index_gen.conftest import make_index
from tests.components.tiny_models import image_id, png


@pytest.fixture(scope="module")
def indexed(tmp_path_factory):
    return make_index(tmp_path_factory.mktemp("indexed"))


@pytest.fixture
def query(indexed, tmp_path):
    path = tmp_path / "query.png"
    path.write_bytes(png(indexed.images[8]))
    return path


def run(*arguments):
    return CliRunner().invoke(command, [str(each) for each in arguments])


def test_neighbors_are_printed_and_drawn(indexed, query, tmp_path):
    sheet = tmp_path / "sheets" / "sheet.png"
    done = run(query, "--k", 3, "--index", indexed.index_uri, "--sheet", sheet)
    assert done.exit_code == 0, done.output
    assert image_id(indexed.images[8])[:12] in done.output
    assert "1.0000" in done.output
    assert f"contact sheet: {sheet}" in done.output
    assert Image.open(sheet).width > 4 * 96


def test_json_has_everything(indexed, query, tmp_path):
    done = run(
        query,
        query,
        "--label",
        "digit 1",
        "--json",
        "--index",
        indexed.index_uri,
        "--sheet",
        tmp_path / "s.png",
    )
    results = json.loads(done.output)["results"]
    assert [each["image"] for each in results] == [str(query)] * 2
    assert {neighbor["label"] for each in results for neighbor in each["neighbors"]} == {"digit 1"}


def test_a_wrong_label_is_told_in_one_line(indexed, query, tmp_path):
    done = run(query, "--label", "zebra", "--index", indexed.index_uri, "--sheet", tmp_path / "s.png")
    assert done.exit_code == 1
    assert done.output.startswith("Error: Received the label 'zebra'; no indexed image has it.")
    assert not (tmp_path / "s.png").exists()


def test_a_pipeline_without_a_run_is_told(query, tmp_path):
    done = run(query, "--config", "digits", "--set", f"root={tmp_path / 'runs'}")
    assert done.exit_code == 1
    assert "No run of digits has an output 'similarity_index'" in done.output


def record(connection, run_id, node, state, uri, key="similarity_index"):
    store = metadata_store.MetadataStore(connection)
    contexts = []
    for kind, name in (("pipeline", "digits"), ("pipeline_run", run_id), ("node", f"digits.{node}")):
        kind_id = store.put_context_type(mlmd.ContextType(name=kind))
        known = store.get_context_by_type_and_name(kind, name)
        context_id = known.id if known else store.put_contexts([mlmd.Context(type_id=kind_id, name=name)])[0]
        contexts.append(store.get_contexts_by_id([context_id])[0])
    if not store.get_children_contexts_by_context(contexts[0].id) or run_id not in [
        child.name for child in store.get_children_contexts_by_context(contexts[0].id)
    ]:
        store.put_parent_contexts([mlmd.ParentContext(child_id=contexts[1].id, parent_id=contexts[0].id)])
    event = mlmd.Event(type=mlmd.Event.OUTPUT)
    event.path.steps.add().key = key
    event.path.steps.add().index = 0
    execution = mlmd.Execution(
        type_id=store.put_execution_type(mlmd.ExecutionType(name="Node")), last_known_state=state
    )
    artifact = mlmd.Artifact(type_id=store.put_artifact_type(mlmd.ArtifactType(name="Index")), uri=uri)
    store.put_execution(execution, [(artifact, event)], contexts)


def test_the_newest_finished_output_is_taken(tmp_path):
    config = load_config("digits", [f"root={tmp_path / 'runs'}"])
    connection = connection_config(config)
    record(connection, "run1", "SimilarityIndexGen", mlmd.Execution.COMPLETE, "/first")
    record(connection, "run2", "SimilarityIndexGen", mlmd.Execution.COMPLETE, "/second")
    record(connection, "run3", "SimilarityIndexGen", mlmd.Execution.FAILED, "/third")
    record(connection, "run4", "Pusher", mlmd.Execution.COMPLETE, "/model")
    assert newest_output(config, "SimilarityIndexGen", "similarity_index") == "/second"
