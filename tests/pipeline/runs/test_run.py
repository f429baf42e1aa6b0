"""Runs, nodes and artifacts as plain values: states, notes, places and names, without a database."""

import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ml_metadata.proto import metadata_store_pb2 as mlmd

from tfx_contrastive.contract.errors import NotFoundError
from tfx_contrastive.pipeline.runs.lineage import (
    Artifact,
    NodeRun,
    Run,
    find_run,
    no_run_yet,
    not_done,
    values_of,
)

# The state of a run is the first of these that one of its nodes has.
PRECEDENCE = ("failed", "running", "interrupted", "ran", "cached")


def artifact(number: int, kind: str, **properties: Any) -> Artifact:
    return Artifact(number, kind, f"/runs/{kind}/{number}", properties)


def node(number: int, node_id: str, state: str = "ran", **outputs: tuple[Artifact, ...]) -> NodeRun:
    started = datetime.datetime(2026, 11, 24, 9, number, tzinfo=datetime.timezone.utc)
    return NodeRun(node_id, number, state, started, 1.0, {}, {}, outputs)


def run_of(*states: str, interrupted: bool = False, run_id: str = "r") -> Run:
    nodes = tuple(node(number + 1, f"Node{number}", state) for number, state in enumerate(states))
    return Run(run_id, "shop", nodes, interrupted)


@settings(deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(PRECEDENCE), min_size=1, max_size=6))
def test_the_state_of_a_run_is_the_gravest_of_its_nodes(states: list[str]) -> None:
    assert run_of(*states).state == min(states, key=PRECEDENCE.index)


@pytest.mark.parametrize(
    ("states", "state"),
    [
        (("ran",), "interrupted"),
        (("cached",), "interrupted"),
        (("running",), "running"),
        (("failed",), "failed"),
    ],
)
def test_a_run_that_died_between_nodes_is_interrupted_unless_worse(states: Any, state: str) -> None:
    assert run_of(*states, interrupted=True).state == state


def test_a_run_starts_with_its_first_node_in_any_order() -> None:
    run = Run("r", "shop", (node(7, "B"), node(3, "A"), node(9, "C")))
    assert run.started == datetime.datetime(2026, 11, 24, 9, 3, tzinfo=datetime.timezone.utc)
    found = run.node("A")
    assert found is not None
    assert found.execution_id == 3
    assert run.node("a") is None


@pytest.mark.parametrize(
    ("outputs", "note"),
    [
        ([], ""),
        ([{"blessed": 1}, {"pushed": 1}], ""),
        ([{"blessed": 0}], "refused"),
        ([{"pushed": 0}], "not pushed"),
        ([{"registered": 0}], "not registered"),
        ([{"other": 0}, {"pushed": 0}, {"blessed": 0}], "not pushed"),
    ],
)
def test_a_note_says_what_a_node_that_ran_did_not_do(outputs: Any, note: str) -> None:
    assert not_done(outputs) == note
    artifacts = tuple(artifact(number, "Any", **each) for number, each in enumerate(outputs))
    assert node(1, "Pusher", out=artifacts).note == note


def test_an_output_is_the_only_one_under_its_key() -> None:
    one, other = artifact(1, "Model"), artifact(2, "Model")
    maker = node(1, "Trainer", model=(one,), several=(one, other), none=())
    assert maker.output("model") is one
    for key, count in (("several", 2), ("none", 0), ("unknown", 0)):
        with pytest.raises(
            NotFoundError, match=f"^Trainer has {count} artifacts under '{key}', expected one"
        ):
            maker.output(key)


def test_an_artifact_knows_its_directories() -> None:
    found = artifact(4, "Examples", split_names='["train", "eval"]')
    assert found.split_names == ("train", "eval")
    assert found.split_dir("eval") == "/runs/Examples/4/Split-eval"
    assert artifact(5, "Model").saved_model_dir == "/runs/Model/5/Format-Serving"


@pytest.mark.parametrize("properties", [{}, {"split_names": ""}, {"split_names": "[]"}])
def test_an_artifact_without_splits_has_none(properties: Any) -> None:
    assert artifact(1, "Model", **properties).split_names == ()


def test_values_have_the_types_of_python() -> None:
    execution = mlmd.Execution()
    execution.properties["text"].string_value = "a"
    execution.properties["number"].int_value = 0
    execution.properties["share"].double_value = 0.5
    execution.properties["flag"].bool_value = False
    assert values_of(execution.properties) == {"text": "a", "number": 0, "share": 0.5, "flag": False}


@settings(deadline=None, derandomize=True)
@given(st.lists(st.text("012-", min_size=1, max_size=4), min_size=1, max_size=5, unique=True), st.data())
def test_the_whole_id_or_the_beginning_of_one_id_names_a_run(ids: list[str], data: Any) -> None:
    runs = [run_of("ran", run_id=run_id) for run_id in ids]
    wanted = data.draw(st.sampled_from(ids))
    assert find_run(runs, wanted, "shop").id == wanted
    beginning = wanted[: data.draw(st.integers(1, len(wanted)))]
    matches = [run_id for run_id in ids if run_id.startswith(beginning)]
    if beginning in ids:
        matches = [beginning]
    if len(matches) == 1:
        assert find_run(runs, beginning, "shop").id == matches[0]
    else:
        with pytest.raises(NotFoundError) as refusal:
            find_run(runs, beginning, "shop")
        assert f"begin with {beginning}: {', '.join(matches)}. Give more" in str(refusal.value)


def test_a_message_lists_no_more_than_ten_runs() -> None:
    runs = [run_of("ran", run_id=f"r{number:02d}") for number in range(12)]
    with pytest.raises(NotFoundError) as refusal:
        find_run(runs, "x", "shop")
    listed = ", ".join(f"r{number:02d}" for number in range(10))
    assert str(refusal.value) == f"Pipeline shop has no run x. Known runs: {listed}."


@pytest.mark.parametrize("name", [None, "latest", "r1"])
def test_before_the_first_run_every_name_is_answered_alike(name: Any) -> None:
    with pytest.raises(NotFoundError) as refusal:
        find_run((), name, "shop")
    assert str(refusal.value).startswith(no_run_yet("shop"))
