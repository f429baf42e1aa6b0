"""The model card, section by section."""

from typing import Any

import pytest

from tfx_contrastive.components.registry_pusher.card import render

CLASSIFIER: dict[str, Any] = {"label_vocabulary": ["boot", "bag"]}


def section(title: str, facts: dict[str, Any]) -> list[str]:
    """The lines below a heading."""
    text = render("clothes", "d1", facts)
    body = text.partition(f"## {title}\n")[2].partition("\n## ")[0]
    return [line for line in body.splitlines() if line]


def test_a_card_without_facts() -> None:
    text = render("clothes", "d1", {})
    assert text.startswith("# clothes\n\nImage encoder without a classifier, pretrained on unlabeled images")
    assert "Digest `d1`" in text
    assert [line for line in text.splitlines() if line.startswith("## ")] == ["## Limits"]
    assert text.endswith("\n")


def test_a_classifier_names_its_classes_and_its_limits() -> None:
    text = render("clothes", "d1", CLASSIFIER)
    assert "Image classifier over 2 classes" in text
    assert "Classes: `boot`, `bag`" in text
    assert len(section("Limits", CLASSIFIER)) == len(section("Limits", {})) + 1


def test_metrics_of_all_examples_then_of_slices() -> None:
    facts = {
        "metrics": {
            "test": {
                "overall": {"accuracy": 0.75, "recall[0]": 0.5},
                "label:bag": {"accuracy": 0.25, "macro_f1": 0.125},
                "label:boot": {"accuracy": 1.0},
            }
        }
    }
    assert section("Metrics on `test`", facts) == [
        "| metric | value |",
        "|---|---|",
        "| accuracy | 0.7500 |",
        "| slice | accuracy | macro_f1 |",
        "|---|---|---|",
        "| label:bag | 0.2500 | 0.1250 |",
        "| label:boot | 1.0000 | – |",
    ]


def test_gates_with_their_reasons_and_figures() -> None:
    facts = {
        "gates": {
            "blessed": False,
            "refused_by": "evaluation",
            "evaluation": {"reasons": ["accuracy is 0.4000; the minimum is 0.5000"]},
            "representation": {"reasons": [], "figures": {"knn_accuracy": 0.875}},
        }
    }
    assert section("Gates", facts) == [
        "NOT blessed: refused by Evaluator",
        "- accuracy is 0.4000; the minimum is 0.5000",
        "| figure of the encoder | value |",
        "|---|---|",
        "| knn_accuracy | 0.8750 |",
    ]


@pytest.mark.parametrize(
    ("known", "sentence"),
    [
        ({}, "blessed: every threshold was met"),
        ({"baseline": None}, "blessed: every threshold was met"),
        ({"baseline": ""}, "blessed: every threshold was met; there was no model in use to compare with"),
        (
            {"baseline": "1764000000"},
            "blessed: every threshold was met, also against the model in use (version 1764000000)",
        ),
    ],
)
def test_the_verdict_names_the_version_that_the_model_was_compared_with(
    known: dict[str, Any], sentence: str
) -> None:
    assert section("Gates", {"gates": {"blessed": True, **known}}) == [sentence]


@pytest.mark.parametrize(
    ("compared_with", "expected"),
    [("7", "Compared with version 7: **drop-in**. a; b"), ("", "Compared: **drop-in**. a; b")],
)
def test_compatibility(compared_with: str, expected: str) -> None:
    found = {"verdict": "drop-in", "reasons": ["a", "b"], "compared_with": compared_with}
    assert section("Embeddings", {"compatibility": found}) == [expected]


def test_the_interface_lists_signatures_with_shapes() -> None:
    outputs = {
        "embedding": {"dtype": "float32", "shape": [None, 64]},
        "anything": {"dtype": "string", "shape": None},
    }
    facts = {
        "signatures": {"embed_bytes": {"inputs": {}, "outputs": outputs}},
        "input_contract": {"embed_bytes": "an image"},
    }
    assert section("Interface", facts)[-1] == (
        "| `embed_bytes` | an image | `embedding` float32 [B, 64], `anything` string ? |"
    )


def test_the_origin_lists_what_is_known() -> None:
    facts = {
        "git_commit": "abc",
        "lineage": {"run": "r1", "artifacts": {"model": [{"id": 3}], "schema": [], "examples": [{"id": 1}]}},
        "versions": {"python": "3.10"},
    }
    assert section("Origin", facts)[2:] == [
        "| pipeline run | r1 |",
        "| artifacts in ML Metadata | examples 1, model 3 |",
        "| git commit | abc |",
        "| made with | python 3.10 |",
    ]


def test_data_is_sorted_and_cells_cannot_break_the_table() -> None:
    facts = {"data": {"num_train": 100, "note": "a|b\nc"}}
    assert section("Data", facts)[2:] == ["| note | a\\|b c |", "| num train | 100 |"]
