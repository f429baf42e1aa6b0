"""One outcome has one wording: terminal, `status`, `show`, the report and the model card."""

import io
import pathlib
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from tests.pipeline.recorded_runs import RecordedRuns
from tests.pipeline.report.examples import example_record
from tfx_contrastive.components.registry_pusher import card
from tfx_contrastive.pipeline.cli import ending, history
from tfx_contrastive.pipeline.config import PipelineConfig, load_config
from tfx_contrastive.pipeline.report.sections.verdict import collect_verdict
from tfx_contrastive.pipeline.runners import events
from tfx_contrastive.pipeline.runners.supervisor import Outcome
from tfx_contrastive.pipeline.runs.lineage import Lineage
from tfx_contrastive.pipeline.runs.metadata import connection_config
from tfx_contrastive.pipeline.runs.presence import Record

IMAGES = {"read": 1, "written": {}, "set_aside": {}, "duplicates": {}}
FIGURES = {"effective_rank": 9.0, "embedding_std": 0.5, "uniformity": -1.0}


def recorded(folder: pathlib.Path, encoder: int, classifier: int, baseline: str) -> PipelineConfig:
    """Record a run with the given decisions of both gates."""
    config = load_config("digits", [f"root={folder}"])
    runs = RecordedRuns(config)
    runs.add("run-1", "RepresentationGate", {"blessing": ("/gate", {"blessed": encoder})})
    runs.add("run-1", "BaselineResolver", {"baseline_model": ("/baseline", {"source": baseline})})
    runs.add("run-1", "Evaluator", {"blessing": ("/evaluator", {"blessed": classifier})})
    both = int(encoder and classifier)
    runs.add("run-1", "CombinedBlessing", {"blessing": ("/both", {"blessed": both})})
    pushed = {"pushed": both, "pushed_destination": "/served/1764000000"}
    runs.add("run-1", "Pusher", {"pushed_model": ("/pushed", pushed)})
    return config


def terminal(config: PipelineConfig, values: dict[str, Any]) -> str:
    """Return the end of a run as the terminal shows it."""
    finished = events.Finished("run-1", values, "report.html")
    process = Record(1, "here", "", "2026-11-26T20:00:00+00:00", "run.log")
    out = io.StringIO()
    outcome = Outcome(0, None, process, finished, 2**30, pathlib.Path("run.log"))
    ending.print_success(Console(file=out, width=80), config, outcome, 5.0)
    return out.getvalue()


@pytest.mark.parametrize(
    ("encoder", "classifier", "baseline", "refused_by", "sentence"),
    [
        (
            1,
            1,
            "candidate",
            "",
            "blessed: every threshold was met; there was no model in use to compare with",
        ),
        (1, 1, "7", "", "blessed: every threshold was met, also against the model in use (version 7)"),
        (1, 0, "7", "evaluation", "NOT blessed: refused by Evaluator"),
        (
            0,
            0,
            "7",
            "representation,evaluation",
            "NOT blessed: refused by RepresentationGate and Evaluator",
        ),
    ],
)
def test_every_place_has_the_same_sentence(
    tmp_path: pathlib.Path, encoder: int, classifier: int, baseline: str, refused_by: str, sentence: str
) -> None:
    config = recorded(tmp_path, encoder, classifier, baseline)
    record = example_record(
        Lineage(connection_config(config), config.name).run(),
        examples=IMAGES,
        representation={"figures": FIGURES},
    )
    delivery = "nothing was pushed" if refused_by else "pushed as version 1764000000"
    options = ["--config", "digits", "--set", f"root={tmp_path}"]
    status = CliRunner().invoke(history.status_command, options).output
    show = CliRunner().invoke(history.show_command, ["latest", *options]).output
    assert f"\nverdict:     {sentence}\n" in status
    assert show.startswith(f"digits, run run-1: ran, {sentence}; {delivery}\n")
    assert f"\nverdict         {sentence}\n" in terminal(config, record.values())
    in_report = collect_verdict(record, None, None, None).sentence
    assert in_report == f"{sentence[0].upper()}{sentence[1:]}. {delivery[0].upper()}{delivery[1:]}."
    known = "" if baseline == "candidate" else baseline
    facts = {"gates": {"blessed": not refused_by, "refused_by": refused_by, "baseline": known}}
    (told,) = [line for line in card.render("m", "d", facts).splitlines() if "blessed" in line]
    assert told == sentence
