"""What commands print of runs, nodes and artifacts: exact values, made from runs in memory."""

import dataclasses
import datetime
import json
import math
from typing import Any

import pytest

from tfx_contrastive.pipeline.cli import history, records
from tfx_contrastive.pipeline.runs.lineage import Artifact, NodeRun, Run


def artifact(number: int, kind: str, **properties: int) -> Artifact:
    return Artifact(number, kind, f"/runs/{kind}/{number}", properties)


def node(number: int, name: str, state: str, inputs: Any, outputs: Any, properties: Any = ()) -> NodeRun:
    started = datetime.datetime(2026, 11, 24, 9, number, tzinfo=datetime.timezone.utc)
    return NodeRun(name, number, state, started, 1.5 * number, dict(properties), inputs, outputs)


MODEL, USED = artifact(5, "Model"), artifact(1, "Examples")
TRAINER = node(7, "Trainer", "ran", {"examples": (USED,)}, {"model": (MODEL,)}, {"train_args": "{}"})


def place(found: Any) -> dict[str, Any]:
    return {"id": found.id, "type": found.type, "uri": found.uri}


def test_a_node_has_inputs_and_properties_on_request_only() -> None:
    values = records.node_values(TRAINER, with_inputs=False)
    assert values == {
        "id": "Trainer",
        "state": "ran",
        "note": "",
        "seconds": TRAINER.seconds,
        "execution": TRAINER.execution_id,
        "outputs": {"model": [place(MODEL)]},
    }
    more = {"inputs": {"examples": [place(USED)]}, "properties": {"train_args": "{}"}}
    assert records.node_values(TRAINER, with_inputs=True) == values | more


@pytest.mark.parametrize(
    ("properties", "text"),
    [
        ({"pushed": 0}, "ran, not pushed"),
        ({"registered": 0}, "ran, not registered"),
        ({"blessed": 0}, "ran, refused"),
        ({"pushed": 1, "blessed": 1}, "ran"),
        ({}, "ran"),
    ],
)
def test_the_state_of_a_node_tells_what_it_left_undone(properties: dict[str, int], text: str) -> None:
    found = node(1, "Pusher", "ran", {}, {"pushed_model": (artifact(1, "PushedModel", **properties),)})
    assert records.state_text(found) == text


def test_ids_of_artifacts_stand_behind_their_keys() -> None:
    assert records.artifact_ids({"model": (MODEL, USED), "run": (USED,)}) == "model #5, model #1, run #1"
    assert records.artifact_ids({}) == ""


@pytest.mark.parametrize(("blessed", "verdict"), [(1, "blessed"), (0, "refused")])
def test_a_run_is_told_in_eleven_values(blessed: int, verdict: str) -> None:
    pushed = artifact(7, "PushedModel", pushed=1)
    pushed = dataclasses.replace(
        pushed, properties={"pushed": 1, "pushed_destination": "/serving/1764000000"}
    )
    blessing = artifact(6, "ModelBlessing", blessed=blessed)
    gate = node(5, "RepresentationGate", "ran", {}, {"blessing": (blessing,)})
    metrics = {"eval": {"accuracy": 0.75, "roc_auc": 0.5}}
    pusher = node(6, "Pusher", "ran", {}, {"pushed_model": (pushed,)})
    run = Run("run-1", "shop", (gate, pusher), metrics=metrics)
    values = records.run_values(run)
    assert list(values) == [
        *("pipeline", "run", "state", "started", "seconds"),
        *("verdict", "refused_by", "baseline", "pushed_version", "pushed_to", "metrics"),
    ]
    assert (values["pipeline"], values["run"], values["state"]) == ("shop", run.id, "ran")
    assert values["started"] == run.started.isoformat()
    assert values["seconds"] == round(sum(each.seconds for each in run.nodes), 3)
    assert values["verdict"] == verdict
    assert values["refused_by"] == ([] if blessed else ["RepresentationGate"])
    assert values["pushed_to"] == "/serving/1764000000"
    assert values["metrics"] == metrics
    json.dumps(values)  # plain values only


def test_an_artifact_belongs_to_the_run_that_made_it() -> None:
    first = Run("run-1", "shop", (TRAINER,))
    cached = node(8, "Trainer", "cached", {"examples": (USED,)}, {"model": (MODEL,)})
    newer = artifact(9, "PushedModel", pushed=1)
    second = Run("run-2", "shop", (cached, node(9, "Pusher", "ran", {}, {"pushed_model": (newer,)})))
    assert history._made((second, first)) == [
        {
            **place(newer),
            "node": "Pusher",
            "key": "pushed_model",
            "run": "run-2",
            "properties": {"pushed": 1},
        },
        {**place(MODEL), "node": "Trainer", "key": "model", "run": "run-1", "properties": {}},
    ]
    assert history._made(()) == []


def test_a_long_property_is_cut_with_the_way_to_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    found = node(3, "Trainer", "ran", {"examples": (USED,)}, {"model": (MODEL,)}, {"b": "x" * 301, "a": 2})
    history._echo(found, with_properties=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"Trainer  ran, {found.seconds:.1f} s, execution {found.execution_id}",
        f"  <- examples #1 Examples  {USED.uri}",
        f"  -> model #5 Model  {MODEL.uri}",
        "  a: 2",
        f"  b: {'x' * 300} … (use --json for all of it)",
    ]
    history._echo(found, with_properties=False)
    assert capsys.readouterr().out.splitlines() == lines[:3]


def test_json_has_null_for_what_is_not_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    records.print_json({"metrics": {"recall[3]": math.nan, "accuracy": 2 / 3}, "rows": [(math.inf, 1)]})
    printed = json.loads(capsys.readouterr().out)
    assert printed == {"metrics": {"recall[3]": None, "accuracy": 2 / 3}, "rows": [[None, 1]]}


def test_json_keeps_every_language_readable(capsys: pytest.CaptureFixture[str]) -> None:
    records.print_json({"class": "größe 靴"})
    assert capsys.readouterr().out == '{\n  "class": "größe 靴"\n}\n'
