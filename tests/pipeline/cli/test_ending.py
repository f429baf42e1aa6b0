"""What the end of a run prints."""

import dataclasses
import io
import os
import pathlib
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from tfx_contrastive.pipeline.cli import ending
from tfx_contrastive.pipeline.config import load_config
from tfx_contrastive.pipeline.runners import events
from tfx_contrastive.pipeline.runners.supervisor import Outcome
from tfx_contrastive.pipeline.runs.presence import Record

WARNING = "test accuracy 0.983; 0.512 on the 30 images without a near copy in train. Remove the copies"


def test_accuracies_without_near_copies_stand_below_the_classifier(tmp_path: pathlib.Path) -> None:
    summary = {
        "images": {
            "read": 90,
            "written": {"train": {"images": 60, "labeled": {"a": 30, "b": 30}}},
            "set_aside": {},
            "duplicates": {},
        },
        "quarantine": "",
        "representation": {"figures": {"effective_rank": 9.0, "embedding_std": 0.5, "uniformity": -1.0}},
        "evaluation": {"accuracy": 0.98},
        "test": {"accuracy": 0.983},
        "warnings": [WARNING],
        "verdict": "NOT blessed: refused by Evaluator",
        "reasons": ["accuracy is 0.9800, required is at least 0.9900"],
        "new_classes": [],
        "gone_classes": [],
        "pushed_model": "/served/1",
    }
    record = Record(1, "here", "", "2026-11-26T20:00:00+00:00", "run.log")
    finished = events.Finished("20261126-200000", summary, "report.html")
    outcome = Outcome(0, None, record, finished, 2**30, pathlib.Path("run.log"))
    out = io.StringIO()
    ending.print_success(
        Console(file=out, width=80), load_config("digits", [f"root={tmp_path}"]), outcome, 5.0
    )
    lines = out.getvalue().splitlines()
    at = lines.index(f"{'warning':<16}{WARNING}")
    assert lines[at - 1].startswith("classifier      test accuracy 0.9830")
    assert lines[at + 1 : at + 3] == [
        "verdict         NOT blessed: refused by Evaluator",
        "reason          accuracy is 0.9800, required is at least 0.9900",
    ]


def printed_by(run: Callable[[Console], None]) -> str:
    out = io.StringIO()
    run(Console(file=out, width=80))
    return out.getvalue()


BEGUN = Record(1, "here", "", "2026-11-26T20:00:00+00:00", "run.log", options=("--config", "a b.yaml"))


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({}, "No node has finished. To continue:\n"),
        ({"done": ("A", "B")}, "Finished and kept: A, B. To continue:\n"),
        ({"node": "Tuner"}, "No node has finished. Tuner continues after the finished trials, with\n"),
        (
            {"done": ("A",), "node": "Pretrainer", "kept_step": 1200, "num_steps": 30000},
            "Finished and kept: A. Pretrainer continues at step 1,200 of 30,000, with\n",
        ),
        (
            {"node": "Trainer"},
            "No node has finished. Trainer starts again from its beginning, with\n",
        ),
    ],
)
def test_a_stopped_run_tells_what_is_kept_and_how_to_continue(values: dict[str, Any], text: str) -> None:
    told = ending.kept_text(dataclasses.replace(BEGUN, folder=os.getcwd(), **values))
    assert told.startswith(text)
    assert told.endswith("tfx-contrastive run --config 'a b.yaml'")


def test_a_run_of_another_folder_is_continued_there() -> None:
    told = ending.kept_text(dataclasses.replace(BEGUN, folder="/some where"))
    assert "\n  cd '/some where' && " in told


@pytest.mark.parametrize(
    ("nodes", "failure", "exit_code", "text"),
    [
        ([events.Node("A", "ran"), events.Node("B", "failed", 1.0, "no disk")], "", 1, "B failed: no disk\n"),
        ([], "Received nothing.", 1, "The pipeline failed: Received nothing.\n"),
        ([], "", 7, "The process of the pipeline ended with exit code 7.\n"),
        (
            [],
            "",
            -9,
            "The process of the pipeline was ended by SIGKILL. No node has finished. To c",
        ),
    ],
)
def test_a_failure_is_one_message_with_the_log(
    nodes: list[events.Node], failure: str, exit_code: int, text: str
) -> None:
    outcome = Outcome(exit_code, None, BEGUN, None, 0, pathlib.Path("run.log"))
    told = printed_by(lambda console: ending.print_failure(console, outcome, nodes, failure))
    assert told.startswith(f"\n{text}")
    assert told.endswith("\nLog: run.log\n")
    assert ("out of memory" in told) == (exit_code == -9)


@pytest.mark.parametrize(
    ("classes", "names", "which"),
    [
        (["a"], "'a'", "this class"),
        (["a", "b"], "'a', 'b'", "these classes"),
        ([*"abcdefg"], "'a', 'b', 'c', 'd', 'e' and 2 more", "these classes"),
    ],
)
def test_absent_classes_are_named_up_to_five(classes: list[str], names: str, which: str) -> None:
    expected = f"eval has no image of {names}, so its figures say nothing about {which}"
    assert ending.absent_text("eval", classes) == expected


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ({}, "0 labels, 0 per class"),
        ({"a": 60, "b": 60}, "120 labels, 60 per class"),
        ({"a": 1, "b": 1200}, "1,201 labels, 1 to 1,200 per class"),
    ],
)
def test_the_label_budget_is_told_per_class(labels: dict[str, int], text: str) -> None:
    assert ending._budget(labels) == text


def test_changes_of_classes_are_named() -> None:
    assert ending._class_changes(["cross"], ["circle"]) == "new: 'cross'; removed: 'circle'"
    assert ending._class_changes([], []) == ""
