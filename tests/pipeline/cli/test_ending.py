"""What the end of a run prints."""

import io
import pathlib

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
            "written": {"train": {"images": 60, "labelled": {"a": 30, "b": 30}}},
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
