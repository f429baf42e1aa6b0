import dataclasses
from typing import Any

import pytest

from tests.pipeline.report.examples import (
    artifact,
    example_data,
    example_evaluation,
    example_record,
    example_run,
    node,
)
from tfx_contrastive.components.evaluation.results import Threshold
from tfx_contrastive.pipeline.report.sections.verdict import collect_verdict
from tfx_contrastive.pipeline.report.thumbnails import Atlas


def run_with(baseline: Any) -> Any:
    """A run whose Evaluator compared with a version, or with nothing where it is empty."""
    source = baseline or "candidate"
    gate = (artifact(20, "ModelBlessing", blessed=1),)
    resolved = (artifact(21, "Model", source=source, reason="r"),)
    more = (
        node(7, "Trainer"),
        node(8, "BaselineResolver", outputs={"baseline_model": resolved}),
        node(9, "Evaluator", outputs={"blessing": gate}),
    )
    run = example_run()
    return dataclasses.replace(run, nodes=(*run.nodes, *more))


def gates(run: Any, thresholds: Any = ()) -> Any:
    evaluation = dataclasses.replace(example_evaluation("eval"), thresholds=thresholds)
    verdict = collect_verdict(example_record(run, (evaluation,)), example_data(Atlas(16)), None, None)
    return {gate.node_id: gate for gate in verdict.gates}


@pytest.mark.parametrize(("baseline", "num_met"), [("", 2), ("1763900000", 3)])
def test_a_gate_says_what_it_asked_for_and_got(baseline: Any, num_met: Any) -> None:
    thresholds = (
        Threshold("accuracy", 0.5, None, -0.01),
        Threshold("macro_f1", None, 0.9, None),
        Threshold("roc_auc", 0.5, None, None),  # not measured
    )
    met = gates(run_with(baseline), thresholds)["Evaluator"].met
    assert met[0] == "accuracy 0.7500 ≥ 0.5"
    assert "macro F1 0.7400 ≤ 0.9" in met
    assert ("accuracy against the baseline +0.0500 ≥ -0.01" in met) == bool(baseline)
    assert len(met) == num_met


def test_a_missed_threshold_is_not_among_those_met() -> None:
    assert gates(run_with(""), (Threshold("accuracy", 0.9, None, None),))["Evaluator"].met == ()


def test_the_share_of_bad_images_is_told() -> None:
    assert gates(example_run())["ImageExampleGen"].met == ("set aside 3.12% ≤ 5.00%",)


def test_accuracy_without_near_copies_is_told() -> None:
    evaluations = (example_evaluation("test"), example_evaluation("eval"))
    (warning,) = collect_verdict(example_record(None, evaluations), None, None, None).warnings
    assert warning.startswith("test accuracy 0.750; 0.350 on the 20 images without a near copy in train. ")
