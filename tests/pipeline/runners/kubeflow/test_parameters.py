"""Run-time parameters of a compiled pipeline: what each one sets."""

import json
import pathlib
from typing import Any

import pytest
import yaml

from tfx_contrastive.contract.errors import InputError
from tfx_contrastive.pipeline.config import PipelineConfig, load_config
from tfx_contrastive.pipeline.runners.kubeflow.parameters import (
    Overlay,
    RunParameter,
    apply_overlays,
    decode_overlays,
    encode_overlays,
    fill_tokens,
    run_parameters,
)
from tfx_contrastive.pipeline.runners.kubeflow.submission import parameters_of
from tfx_contrastive.pipeline.source import provenance


def parameters(config: PipelineConfig) -> dict[str, RunParameter]:
    return {each.name: each for each in run_parameters(config, "fingerprint")}


@pytest.mark.parametrize("mode", ["fine_tune", "self_training"])
def test_head_steps_sets_the_steps_of_the_mode_that_is_used(mode: str) -> None:
    config = load_config("digits", [f"head.mode={mode}", f"head.{mode}.num_steps=7"])
    found = parameters(config)["head_steps"]
    assert found.default == 7
    assert provenance(config)["parameters"]["head_steps"] == 7
    properties = {"custom_config": json.dumps({"head": config.head.model_dump(mode="json")})}
    laid = apply_overlays(properties, found.overlays["Trainer"], {"head_steps": 31.0})
    head = type(config.head).model_validate(json.loads(laid["custom_config"])["head"])
    assert head.num_steps == 31
    assert head == load_config("digits", [f"head.mode={mode}", f"head.{mode}.num_steps=31"]).head


def test_the_default_head_has_steps() -> None:
    config = load_config("digits")
    assert parameters(config)["head_steps"].default == config.head.self_training.num_steps


def test_a_linear_probe_has_no_steps_and_a_submission_says_so(tmp_path: pathlib.Path) -> None:
    config = load_config("digits", ["head.mode=linear_probe"])
    declared = parameters(config)
    assert "head_steps" not in declared
    assert provenance(config)["parameters"]["head_steps"] is None
    compiled = f"{tmp_path}/digits.yaml"
    types = {name: {"parameterType": each.type} for name, each in declared.items()}
    with open(compiled, "w", encoding="utf-8") as file:
        yaml.safe_dump({"root": {"inputDefinitions": {"parameters": types}}}, file)
    assert parameters_of(compiled, ["pretrain_steps=9"]) == {"pretrain_steps": 9}
    with pytest.raises(InputError, match="a linear probe, which has no steps. Expected NAME="):
        parameters_of(compiled, ["head_steps=9"])
    with pytest.raises(InputError, match="steps=9. Expected NAME=VALUE with one of data_fingerprint, "):
        parameters_of(compiled, ["steps=9"])


def test_numbers_are_recorded_with_the_registered_model() -> None:
    recorded = {
        name: [each.path for each in found.overlays.get("RegistryPusher", ())]
        for name, found in parameters(load_config("digits")).items()
    }
    assert recorded == {
        "state_root": [],
        "data_fingerprint": [],
        "labels_per_class": [("facts", "parameters", "labels_per_class")],
        "pretrain_steps": [("facts", "parameters", "pretrain_steps")],
        "head_steps": [("facts", "parameters", "head_steps")],
    }


def test_only_sources_with_a_path_have_a_parameter_for_it() -> None:
    assert "data_path" not in parameters(load_config("digits"))
    config = load_config("digits", ["data={source: {kind: image_folder, path: /data}}"])
    assert parameters(config)["data_path"].default == "/data"


def test_an_unreadable_file_names_the_command_that_makes_one(tmp_path: pathlib.Path) -> None:
    with pytest.raises(InputError, match=r"tfx-contrastive compile --config FILE --out '.* b.yaml'"):
        parameters_of(f"{tmp_path}/a b.yaml", [])


def test_a_parameter_reaches_a_number_two_json_strings_deep() -> None:
    properties = {
        "custom_config": json.dumps({"code": "c", "pretrain": json.dumps({"num_steps": 5, "seed": 1})})
    }
    steps = Overlay("steps", ("custom_config", "pretrain", "num_steps"))
    changed = apply_overlays(properties, [steps], {"steps": 200.0})
    outer = json.loads(changed["custom_config"])
    assert outer["code"] == "c"
    assert json.loads(outer["pretrain"]) == {"num_steps": 200, "seed": 1}
    assert '"num_steps": 200}' in outer["pretrain"] or '"num_steps": 200,' in outer["pretrain"]


def test_zero_means_null_where_it_may() -> None:
    budget = Overlay("labels", ("ingest", "labels_per_class"), nullable=True)
    changed = apply_overlays({"ingest": '{"labels_per_class": 20}'}, [budget], {"labels": 0.0})
    assert json.loads(changed["ingest"]) == {"labels_per_class": None}


def test_a_whole_property_is_replaced() -> None:
    changed = apply_overlays({"fingerprint": "old"}, [Overlay("data", ("fingerprint",))], {"data": "new"})
    assert changed == {"fingerprint": "new"}


def test_what_goes_into_the_arguments_comes_out_again() -> None:
    overlays = (Overlay("a", ("b", "c"), nullable=True), Overlay("d", ("e",)))
    assert decode_overlays(encode_overlays(overlays)) == overlays


@pytest.mark.parametrize(
    ("properties", "parameters"),
    [({"ingest": "{}"}, {"labels": 1.0}), ({}, {"labels": 1.0}), ({"ingest": '{"labels_per_class": 1}'}, {})],
    ids=["no key", "no property", "no value"],
)
def test_a_place_or_value_that_is_not_there_is_an_error(properties: Any, parameters: Any) -> None:
    with pytest.raises(ValueError, match="labels|ingest"):
        apply_overlays(properties, [Overlay("labels", ("ingest", "labels_per_class"))], parameters)


def test_a_root_is_filled_into_nested_json() -> None:
    nested = json.dumps({"a": json.dumps({"dir": "${state_root}/checkpoints"})})
    filled = fill_tokens(nested, {"state_root": "/mnt/state/"})
    assert json.loads(json.loads(filled)["a"]) == {"dir": "/mnt/state/checkpoints"}


@pytest.mark.parametrize("root", ['/mnt/"', "/mnt/\\x", "/mnt/${state_root}", "a\nb"])
def test_a_root_that_would_break_the_json_is_refused(root: Any) -> None:
    with pytest.raises(ValueError, match="state_root"):
        fill_tokens("${state_root}/x", {"state_root": root})
