"""Reads a real ML Metadata store that is filled as TFX fills it."""

import pathlib
from typing import Any

import pytest
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from tfx_contrastive.pipeline.runners.local import cancel_unfinished, record_metrics
from tfx_contrastive.pipeline.runs.lineage import Interruption, Lineage
from tfx_contrastive.pipeline.runs.record import RunRecord


class Store:
    """Writes what TFX's orchestrator writes for each node."""

    def __init__(self, path: Any) -> None:
        self.connection = mlmd.ConnectionConfig()
        self.connection.sqlite.filename_uri = str(path)
        self.connection.sqlite.connection_mode = 3
        self.store = metadata_store.MetadataStore(self.connection)

    def context(self, kind: Any, name: Any, parent: Any = None) -> Any:
        type_id = self.store.put_context_type(mlmd.ContextType(name=kind), can_add_fields=True)
        known = self.store.get_context_by_type_and_name(kind, name)
        if known:
            return known.id
        (context_id,) = self.store.put_contexts([mlmd.Context(type_id=type_id, name=name)])
        if parent is not None:
            self.store.put_parent_contexts([mlmd.ParentContext(child_id=context_id, parent_id=parent)])
        return context_id

    def execute(self, run: Any, node: Any, state: Any, inputs: Any = (), uri: Any = None) -> Any:
        pipeline = self.context("pipeline", "shop")
        contexts = [
            pipeline,
            self.context("pipeline_run", run, pipeline),
            self.context("node", f"shop.{node}", pipeline),
        ]
        kind = self.store.put_execution_type(mlmd.ExecutionType(name="Node"))
        execution = mlmd.Execution(type_id=kind, last_known_state=state)
        execution.custom_properties["seed"].int_value = 7
        artifact_kind = self.store.put_artifact_type(mlmd.ArtifactType(name="Model"))
        pairs = [
            (mlmd.Artifact(id=i, type_id=artifact_kind), self.event(mlmd.Event.INPUT, "model"))
            for i in inputs
        ]
        if uri:
            artifact = mlmd.Artifact(type_id=artifact_kind, uri=uri)
            artifact.custom_properties["blessed"].int_value = 1
            pairs.append((artifact, self.event(mlmd.Event.OUTPUT, "out")))
        existing = self.store.get_artifacts_by_id(list(inputs))
        pairs[: len(existing)] = [(a, e) for a, (_, e) in zip(existing, pairs, strict=False)]
        _, artifact_ids, _ = self.store.put_execution(
            execution, pairs, list(self.store.get_contexts_by_id(contexts))
        )
        return artifact_ids

    @staticmethod
    def event(kind: Any, key: Any) -> Any:
        event = mlmd.Event(type=kind)
        event.path.steps.add().key = key
        event.path.steps.add().index = 0
        return event


@pytest.fixture
def store(tmp_path: pathlib.Path) -> Any:
    return Store(tmp_path / "metadata.sqlite")


def test_a_new_store_has_no_runs(store: Any) -> None:
    assert Lineage(store.connection, "shop").runs() == ()
    with pytest.raises(LookupError, match="Pipeline shop has no run yet"):
        Lineage(store.connection, "shop").run()


def test_runs_have_nodes_with_their_artifacts(store: Any) -> None:
    (model,) = store.execute("run-1", "Trainer", mlmd.Execution.COMPLETE, uri="/m/1")
    store.execute("run-1", "Pusher", mlmd.Execution.COMPLETE, inputs=[model], uri="/p/1")
    run = Lineage(store.connection, "shop").run("run-1")
    assert [node.id for node in run.nodes] == ["Trainer", "Pusher"]
    trainer, pusher = run.nodes
    assert trainer.output("out").uri == "/m/1"
    assert trainer.output("out").properties == {"blessed": 1}
    assert trainer.properties == {"seed": 7}
    assert [artifact.id for artifact in pusher.inputs["model"]] == [model]
    with pytest.raises(LookupError, match="Trainer has 0 artifacts under 'nothing'"):
        trainer.output("nothing")


def test_the_newest_run_comes_first_and_is_the_default(store: Any) -> None:
    store.execute("run-1", "Trainer", mlmd.Execution.COMPLETE, uri="/m/1")
    store.execute("run-2", "Trainer", mlmd.Execution.CACHED)
    lineage = Lineage(store.connection, "shop")
    assert [run.id for run in lineage.runs()] == ["run-2", "run-1"]
    assert lineage.run().id == "run-2"
    assert lineage.run().state == "cached"


def test_a_failed_node_makes_the_run_failed(store: Any) -> None:
    store.execute("run-1", "Trainer", mlmd.Execution.COMPLETE, uri="/m/1")
    store.execute("run-1", "Evaluator", mlmd.Execution.FAILED)
    run = Lineage(store.connection, "shop").run()
    assert run.state == "failed"
    assert [node.state for node in run.nodes] == ["ran", "failed"]
    assert run.node("Pusher") is None


def test_an_unknown_run_lists_the_known_ones(store: Any) -> None:
    store.execute("run-1", "Trainer", mlmd.Execution.COMPLETE)
    with pytest.raises(LookupError, match="no run run-9. Known runs: run-1"):
        Lineage(store.connection, "shop").run("run-9")


def test_a_run_whose_process_is_dead_is_interrupted(store: Any) -> None:
    store.execute("run1", "Gen", mlmd.Execution.COMPLETE, uri="/gen/1")
    store.execute("run1", "Train", mlmd.Execution.RUNNING)
    store.execute("run2", "Gen", mlmd.Execution.RUNNING)
    for known, states in (
        (Interruption(), ["running", "running"]),
        (Interruption("run1"), ["running", "interrupted"]),
        (Interruption(every_running=True), ["interrupted", "interrupted"]),
    ):
        assert [run.state for run in Lineage(store.connection, "shop", known).runs()] == states


def test_metrics_of_a_finished_run_are_read_with_the_run(store: Any, tmp_path: pathlib.Path) -> None:
    store.execute("run-1", "RepresentationGate", mlmd.Execution.COMPLETE, uri=str(tmp_path))
    store.execute("run-2", "Trainer", mlmd.Execution.COMPLETE)
    lineage = Lineage(store.connection, "shop")
    assert lineage.run("run-1").metrics == {}
    found = RunRecord(lineage.run("run-1"))
    vars(found)["representation"] = {"figures": {"knn_accuracy": 2 / 3}}
    record_metrics(store.store, found)
    recorded = {"representation": {"knn_accuracy": 2 / 3}}
    assert [run.metrics for run in lineage.runs()] == [{}, recorded]


def test_a_run_that_died_between_two_nodes_stays_interrupted(store: Any) -> None:
    store.execute("run1", "Gen", mlmd.Execution.COMPLETE, uri="/gen/1")
    assert Lineage(store.connection, "shop").run().state == "ran"
    died = Interruption("run1", every_running=True)
    assert Lineage(store.connection, "shop", died).run().state == "interrupted"
    assert cancel_unfinished(store.store, "shop", died) == 0
    assert Lineage(store.connection, "shop").run().state == "interrupted"


def test_only_the_dead_run_is_cancelled_where_others_may_be_at_work(store: Any) -> None:
    store.execute("run1", "Train", mlmd.Execution.RUNNING)
    store.execute("run2", "Train", mlmd.Execution.RUNNING)
    assert cancel_unfinished(store.store, "shop", Interruption()) == 0
    assert cancel_unfinished(store.store, "shop", Interruption("run1")) == 1
    assert [run.state for run in Lineage(store.connection, "shop").runs()] == ["running", "interrupted"]


def test_what_a_killed_run_left_is_cancelled(store: Any) -> None:
    nobody = Interruption(every_running=True)
    store.execute("run1", "Gen", mlmd.Execution.COMPLETE, uri="/gen/1")
    store.execute("run1", "Train", mlmd.Execution.RUNNING)
    assert Lineage(store.connection, "shop").run().state == "running"
    assert cancel_unfinished(store.store, "shop", nobody) == 1
    run = Lineage(store.connection, "shop").run()
    assert [(node.id, node.state) for node in run.nodes] == [("Gen", "ran"), ("Train", "interrupted")]
    assert run.state == "interrupted"
    assert run.nodes[1].seconds == 0
    assert cancel_unfinished(store.store, "shop", nobody) == 0
    assert cancel_unfinished(store.store, "another", nobody) == 0


@pytest.mark.parametrize(
    ("name", "found"),
    [(None, "run-20"), ("latest", "run-20"), ("run-1", "run-1"), ("run-2", "run-20"), ("run-10", "run-10")],
)
def test_a_run_is_named_by_its_id_by_the_beginning_of_it_or_as_latest(
    store: Any, name: Any, found: Any
) -> None:
    for run_id in ("run-1", "run-10", "run-20"):
        store.execute(run_id, "Trainer", mlmd.Execution.COMPLETE)
    assert Lineage(store.connection, "shop").run(name).id == found


def test_a_name_of_several_runs_lists_them(store: Any) -> None:
    for run_id in ("run-1", "run-2"):
        store.execute(run_id, "Trainer", mlmd.Execution.COMPLETE)
    for name in ("run", "run-"):
        with pytest.raises(
            LookupError, match=f"Several runs of pipeline shop begin with {name}: run-2, run-1. Give"
        ):
            Lineage(store.connection, "shop").run(name)
    with pytest.raises(LookupError, match="no run . Known runs: run-2, run-1"):
        Lineage(store.connection, "shop").run("")
