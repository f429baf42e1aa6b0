import json

import pytest

from tfx_contrastive.pipeline.runners.kubeflow import overlay
from tfx_contrastive.pipeline.runners.kubeflow.overlay import Overlay


def test_a_parameter_reaches_a_number_two_json_strings_deep():
    properties = {
        "custom_config": json.dumps({"code": "c", "pretrain": json.dumps({"num_steps": 5, "seed": 1})})
    }
    steps = Overlay("steps", ("custom_config", "pretrain", "num_steps"))
    changed = overlay.apply(properties, [steps], {"steps": 200.0})
    outer = json.loads(changed["custom_config"])
    assert outer["code"] == "c"
    assert json.loads(outer["pretrain"]) == {"num_steps": 200, "seed": 1}
    assert '"num_steps": 200}' in outer["pretrain"] or '"num_steps": 200,' in outer["pretrain"]


def test_zero_means_null_where_it_may():
    budget = Overlay("labels", ("ingest", "labels_per_class"), nullable=True)
    changed = overlay.apply({"ingest": '{"labels_per_class": 20}'}, [budget], {"labels": 0.0})
    assert json.loads(changed["ingest"]) == {"labels_per_class": None}


def test_a_whole_property_is_replaced():
    changed = overlay.apply({"fingerprint": "old"}, [Overlay("data", ("fingerprint",))], {"data": "new"})
    assert changed == {"fingerprint": "new"}


def test_what_goes_into_the_arguments_comes_out_again():
    overlays = (Overlay("a", ("b", "c"), nullable=True), Overlay("d", ("e",)))
    assert overlay.decode(overlay.encode(overlays)) == overlays


@pytest.mark.parametrize(
    ("properties", "parameters"),
    [({"ingest": "{}"}, {"labels": 1.0}), ({}, {"labels": 1.0}), ({"ingest": '{"labels_per_class": 1}'}, {})],
    ids=["no key", "no property", "no value"],
)
def test_a_place_or_value_that_is_not_there_is_an_error(properties, parameters):
    with pytest.raises(ValueError, match="labels|ingest"):
        overlay.apply(properties, [Overlay("labels", ("ingest", "labels_per_class"))], parameters)


def test_a_root_is_filled_into_nested_json():
    nested = json.dumps({"a": json.dumps({"dir": "${state_root}/checkpoints"})})
    filled = overlay.fill(nested, {"state_root": "/mnt/state/"})
    assert json.loads(json.loads(filled)["a"]) == {"dir": "/mnt/state/checkpoints"}


@pytest.mark.parametrize("root", ['/mnt/"', "/mnt/\\x", "/mnt/${state_root}", "a\nb"])
def test_a_root_that_would_break_the_json_is_refused(root):
    with pytest.raises(ValueError, match="state_root"):
        overlay.fill("${state_root}/x", {"state_root": root})
