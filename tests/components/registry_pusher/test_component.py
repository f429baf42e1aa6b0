"""RegistryPusher, run by TFX's executor, with a real registry."""

import json
import os
import pathlib
from typing import Any

import pytest
from tfx.types import artifact_utils, channel_utils, standard_artifacts

from tfx_contrastive.components.artifacts import ModelRegistration
from tfx_contrastive.components.registry import commands
from tfx_contrastive.components.registry.config import RegistryConfig
from tfx_contrastive.components.registry_pusher.component import RegistryPusher
from tfx_contrastive.components.registry_pusher.executor import Executor


def artifact(kind: Any, uri: Any, **properties: Any) -> Any:
    made = kind()
    made.uri = str(uri)
    for name, value in properties.items():
        if isinstance(value, int):
            made.set_int_custom_property(name, value)
        else:
            made.set_string_custom_property(name, value)
    return made


@pytest.fixture
def inputs(models: list[str], example_dir: str, tmp_path: pathlib.Path) -> Any:
    os.symlink(models[0], tmp_path / "Format-Serving")
    examples = artifact(
        standard_artifacts.Examples,
        os.path.dirname(example_dir),
        num_train=100,
        num_train_labeled=20,
        input_fingerprint="d1",
    )
    examples.split_names = artifact_utils.encode_split_names(["eval"])
    model = artifact(standard_artifacts.Model, tmp_path)
    model.id = 42
    return {
        "model": [model],
        "pushed_model": [artifact(standard_artifacts.PushedModel, tmp_path / "pushed", pushed=1)],
        "examples": [examples],
        "blessing": [artifact(standard_artifacts.ModelBlessing, tmp_path / "blessing", blessed=1)],
    }


def run(inputs: Any, directory: str, tmp_path: pathlib.Path) -> Any:
    output = artifact(ModelRegistration, tmp_path / "registration")
    parameters = {
        "registry": RegistryConfig().model_dump_json(),
        "name": "clothes",
        "directory": directory,
        "serving_dir": "",
        "facts": '{"git_commit": "abc"}',
    }
    Executor().Do(inputs, {"registration": [output]}, parameters)
    return output


def test_the_pushed_model_is_registered_with_its_lineage(
    inputs: Any, directory: str, tmp_path: pathlib.Path
) -> None:
    output = run(inputs, directory, tmp_path)
    assert output.get_int_custom_property("registered") == 1
    assert output.get_int_custom_property("champion") == 1
    assert output.get_string_custom_property("aliases") == "champion"
    written = json.loads((tmp_path / "registration" / "registration.json").read_text())
    assert written["digest"] == output.get_string_custom_property("digest")
    location = commands.RegistryLocation(RegistryConfig(), "clothes", directory)
    facts = commands.show_model(location, "champion").record.facts
    assert facts["lineage"]["artifacts"]["model"] == [{"id": 42, "uri": str(tmp_path)}]
    assert facts["data"] == {"num_train": 100, "num_train_labeled": 20}
    assert (facts["data_digest"], facts["git_commit"]) == ("d1", "abc")


def test_a_model_that_was_not_pushed_is_not_registered(
    inputs: Any, directory: str, tmp_path: pathlib.Path
) -> None:
    inputs["pushed_model"][0].set_int_custom_property("pushed", 0)
    output = run(inputs, directory, tmp_path)
    assert output.get_int_custom_property("registered") == 0
    assert output.get_string_custom_property("reason") == "not blessed, so it is not registered"


def test_node_with_and_without_evidence() -> None:
    def channel(kind: Any) -> Any:
        return channel_utils.as_channel([kind()])

    required = {
        "model": channel(standard_artifacts.Model),
        "pushed_model": channel(standard_artifacts.PushedModel),
        "examples": channel(standard_artifacts.Examples),
        "registry": "{}",
        "name": "clothes",
        "directory": "/registry",
    }
    assert set(RegistryPusher(**required).inputs) == {"model", "pushed_model", "examples"}
    node = RegistryPusher(**required, evaluation=channel(standard_artifacts.ModelEvaluation))
    assert set(node.inputs) == {"model", "pushed_model", "examples", "evaluation"}
    assert node.outputs["registration"].type is ModelRegistration
    assert node.id == "RegistryPusher"
