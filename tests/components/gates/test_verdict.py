"""The sentence that states the decision of the gates."""

from typing import Any

import pytest

from tfx_contrastive.components.gates.verdict import Decision, gate_ids


@pytest.mark.parametrize(
    ("decision", "word", "short", "sentence"),
    [
        (Decision(None), "none", "no gate has reached a verdict", "no gate has reached a verdict"),
        (
            Decision(False, ("RepresentationGate", "Evaluator"), "7"),
            "refused",
            "NOT blessed: refused by RepresentationGate and Evaluator",
            "NOT blessed: refused by RepresentationGate and Evaluator",
        ),
        (Decision(False), "refused", "NOT blessed: refused by a gate", "NOT blessed: refused by a gate"),
        (Decision(True), "blessed", "blessed", "blessed: every threshold was met"),
        (
            Decision(True, baseline=""),
            "blessed",
            "blessed",
            "blessed: every threshold was met; there was no model in use to compare with",
        ),
        (
            Decision(True, baseline="7"),
            "blessed",
            "blessed",
            "blessed: every threshold was met, also against the model in use (version 7)",
        ),
    ],
)
def test_each_decision_has_one_sentence(decision: Any, word: str, short: str, sentence: str) -> None:
    assert (decision.word, decision.short, str(decision)) == (word, short, sentence)


def test_recorded_inputs_of_combined_blessing_become_node_ids() -> None:
    assert gate_ids("representation,evaluation") == ("RepresentationGate", "Evaluator")
    assert gate_ids("") == ()
    assert gate_ids(("Evaluator",)) == ("Evaluator",)
