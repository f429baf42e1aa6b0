"""BaselineResolver, run by TFX's own executor."""

import pathlib
from typing import Any

from tfx.types import channel_utils, standard_artifacts

from tests.components.baseline_resolver.test_baseline import predict, save_classifier, save_model
from tfx_contrastive.components.baseline_resolver.component import BaselineResolver


def run(tmp_path: pathlib.Path, **parameters: Any) -> Any:
    model = standard_artifacts.Model()
    model.uri = str(tmp_path / "model")
    save_model(tmp_path / "model" / "Format-Serving", "probabilities", 0.25)
    output = standard_artifacts.Model()
    output.uri = str(tmp_path / "output")
    BaselineResolver.test_call(model=model, baseline_model=output, **parameters)
    return output


def test_output_has_the_layout_that_the_evaluator_reads(tmp_path: pathlib.Path) -> None:
    save_model(tmp_path / "serving" / "3", "probabilities", 0.75)
    output = run(tmp_path, serving_dir=str(tmp_path / "serving"))
    assert predict(output.uri + "/Format-Serving") == 0.75
    assert output.get_string_custom_property("source") == "3"
    assert output.get_string_custom_property("version") == "3"


def test_classes_that_came_and_went_are_on_the_output(tmp_path: pathlib.Path) -> None:
    model, output = standard_artifacts.Model(), standard_artifacts.Model()
    model.uri, output.uri = str(tmp_path / "model"), str(tmp_path / "output")
    save_classifier(tmp_path / "model" / "Format-Serving", ["café", "square"])
    save_classifier(tmp_path / "serving" / "3", ["circle", "square"])
    BaselineResolver.test_call(model=model, baseline_model=output, serving_dir=str(tmp_path / "serving"))
    assert output.get_string_custom_property("new_classes") == '["café"]'
    assert output.get_string_custom_property("gone_classes") == '["circle"]'
    assert "compared on the classes that both know: 'square'" in output.get_string_custom_property("reason")


def test_first_run_hands_on_the_candidate(tmp_path: pathlib.Path) -> None:
    output = run(tmp_path, serving_dir=str(tmp_path / "serving"), policy="latest")
    assert predict(output.uri + "/Format-Serving") == 0.25
    assert output.get_string_custom_property("source") == "candidate"


def test_reset_token_is_part_of_the_cache_key() -> None:
    model = channel_utils.as_channel([standard_artifacts.Model()])
    node = BaselineResolver(model=model, serving_dir="/serving", reset_token="2026-11")
    assert node.exec_properties == {"serving_dir": "/serving", "reset_token": "2026-11"}
    assert node.id == "BaselineResolver"
