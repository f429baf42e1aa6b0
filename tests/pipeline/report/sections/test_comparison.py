import json

from pipeline.report.sections.comparison import Delta, settings
from tests.pipeline.report.examples import node


def test_settings_take_json_within_json_apart():
    pretrain = {"seed": 3, "views": {"policy": [{"name": "crop"}]}}
    packed = json.dumps({"pretrain": json.dumps(pretrain), "dims": [8, 4]})
    found = settings(
        node(1, "Pretrainer", properties={"custom_config": packed, "note": "{not json", "_own": 1})
    )
    assert found == {
        "custom_config.pretrain.seed": "3",
        "custom_config.pretrain.views.policy[0].name": "crop",
        "custom_config.dims": "[8, 4]",
        "note": "{not json",
    }
    assert settings(None) == {}


def test_a_smaller_error_is_better():
    assert Delta("g", "accuracy", 0.8, 0.9, True).tone == "better"
    assert Delta("g", "error", 0.1, 0.2, False).tone == "worse"
    assert Delta("g", "accuracy", 0.8, 0.8, True).tone == "same"
    missing = Delta("g", "accuracy", None, 0.8, True)
    assert (missing.change, missing.tone) == (None, "same")
