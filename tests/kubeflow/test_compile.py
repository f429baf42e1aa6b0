import json
import pathlib
import subprocess
import sys
from typing import Any, Literal

import click.testing
import pytest
import yaml

from tests.kubeflow import golden
from tfx_contrastive.contract.errors import ConfigError
from tfx_contrastive.pipeline.cli import kubeflow
from tfx_contrastive.pipeline.config import load_config

pytest.importorskip("kfp", reason="the extra `kubeflow` is not installed")
pytestmark = pytest.mark.slow  # importing TFX


@pytest.fixture(scope="module")
def compiled() -> dict[Any, Any]:
    return {target: golden.compile_golden(target) for target in golden.OVERRIDES}


@pytest.fixture(scope="module")
def spec(compiled: dict[Any, Any]) -> Any:
    return compiled["kubeflow"].spec


def tasks_of(spec: Any) -> Any:
    return spec["components"]["tfx-dag"]["dag"]["tasks"]


def container_of(spec: Any, node_id: Any) -> Any:
    return spec["deploymentSpec"]["executors"][f"{node_id}_executor"]["container"]


@pytest.mark.parametrize("target", list(golden.OVERRIDES))
def test_the_compiled_file_is_the_golden_one(compiled: dict[Any, Any], target: Any) -> None:
    """After a wanted change: `python -m tests.kubeflow.golden`, and look at the difference."""
    assert golden.normalized(compiled[target]) == golden.path_of(target).read_text()


def test_an_optional_tuner_hands_its_best_to_the_pretrainer(spec: Any) -> None:
    from tfx_contrastive.pipeline.runners.kubeflow import compiler

    config = load_config("digits", [*golden.OVERRIDES["kubeflow"], "tuner.enabled=true"])
    tasks = tasks_of(compiler.compile_pipeline(config, golden.SOURCE, "kubeflow").spec)
    assert set(tasks) - set(tasks_of(spec)) == {"Tuner"}
    assert tasks["Pretrainer"]["inputs"]["artifacts"]["hyperparameters"]["taskOutputArtifact"] == {
        "outputArtifactKey": "best_hyperparameters",
        "producerTask": "Tuner",
    }
    assert "Tuner" in tasks["Pretrainer"]["dependentTasks"]


def test_compiling_twice_gives_the_same_file(compiled: dict[Any, Any]) -> None:
    assert golden.compile_golden("kubeflow").text() == compiled["kubeflow"].text()


@pytest.mark.parametrize("target", list(golden.OVERRIDES))
def test_the_schema_of_kfp_pipeline_spec_knows_every_field(compiled: dict[Any, Any], target: Any) -> None:
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2

    spec = compiled[target].spec
    message = json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    deployment = json_format.ParseDict(
        spec["deploymentSpec"], pipeline_spec_pb2.PipelineDeploymentConfig(), ignore_unknown_fields=False
    )
    assert message.schema_version == "2.1.0"
    assert set(deployment.executors) == {f"{node}_executor" for node in [*tasks_of(spec), "ReportOutcome"]}


def test_kfps_own_loader_and_compiler_take_the_file(compiled: dict[Any, Any], tmp_path: pathlib.Path) -> None:
    from kfp import compiler, components

    loaded = components.load_component_from_text(compiled["kubeflow"].text())
    assert set(loaded.component_spec.inputs) == set(
        compiled["kubeflow"].spec["root"]["inputDefinitions"]["parameters"]
    )
    again = tmp_path / "again.yaml"
    compiler.Compiler().compile(loaded, str(again))
    spec, platform = yaml.safe_load_all(again.read_text())
    assert spec["components"]["tfx-dag"] == compiled["kubeflow"].spec["components"]["tfx-dag"]
    assert platform == compiled["kubeflow"].platform


def test_every_run_time_parameter_has_a_default_and_reaches_a_task(spec: Any) -> None:
    declared = spec["root"]["inputDefinitions"]["parameters"]
    assert all(definition["isOptional"] for definition in declared.values())
    handed_down = spec["root"]["dag"]["tasks"]["tfx-dag"]["inputs"]["parameters"]
    used = {
        value["componentInputParameter"]
        for task in tasks_of(spec).values()
        for value in task.get("inputs", {}).get("parameters", {}).values()
        if "componentInputParameter" in value
    }
    assert set(declared) == set(handed_down) == used
    assert declared["labels_per_class"]["defaultValue"] == 20


def test_no_path_of_the_compiling_machine_is_left(compiled: dict[Any, Any]) -> None:
    text = compiled["kubeflow"].text() + compiled["vertex"].text()
    assert str(pathlib.Path(__file__).parents[2]) not in text
    assert "/tmp/" not in text


def test_secrets_are_named_and_never_written(
    compiled: dict[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TFX_CONTRASTIVE_WEBHOOK", "https://chat.example/very-secret")
    assert "very-secret" not in golden.compile_golden("kubeflow").text()
    executors = compiled["kubeflow"].platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert executors["ReportOutcome_executor"]["secretAsEnv"][0]["secretName"] == "chat"
    assert executors["ImageExampleGen_executor"]["secretAsVolume"] == [
        {"secretName": "bucket", "mountPath": "/secrets/bucket"}
    ]


def test_resources_of_a_task_replace_the_defaults(spec: Any) -> None:
    assert container_of(spec, "StatisticsGen")["resources"] == {"cpuLimit": 2.0, "memoryLimit": 4.0}
    assert container_of(spec, "Pretrainer")["resources"] == {
        "cpuLimit": 8.0,
        "memoryLimit": 32.0,
        "cpuRequest": 4.0,
        "memoryRequest": 16.0,
        "accelerator": {"type": "nvidia.com/gpu", "count": "1"},
    }


def test_ingest_is_not_cached_unless_asked_for(spec: Any) -> None:
    cached = {node for node, task in tasks_of(spec).items() if task["cachingOptions"]}
    assert set(tasks_of(spec)) - cached == {"ImageExampleGen", "TestEvaluator"}


def test_beam_options_go_to_the_nodes_of_a_class_then_to_a_single_one() -> None:
    from tfx_contrastive.pipeline.runners.kubeflow import compiler

    overrides = ["beam.args=[--all]", "beam.by_component={Evaluator: [--both], TestEvaluator: [--one]}"]
    spec = compiler.compile_pipeline(load_config("digits", overrides), golden.SOURCE).spec
    options = {
        node: [arg for arg in container_of(spec, node)["args"] if arg in ("--all", "--both", "--one")]
        for node in ("Transform", "Evaluator", "TestEvaluator")
    }
    assert options == {
        "Transform": ["--all"],
        "Evaluator": ["--all", "--both"],
        "TestEvaluator": ["--all", "--both", "--one"],
    }


@pytest.mark.parametrize(
    ("overrides", "target", "text"),
    [
        (["beam.by_component={Trainer: [--one]}"], "kubeflow", "beam.by_component"),
        (["name=Digits"], "kubeflow", "lower-case"),
        (["kubeflow.tasks.Trainr.cache=false"], "kubeflow", "Trainr"),
        (["kubeflow.pipeline_root=gs://b/r"], "vertex", "kubeflow.state_root"),
    ],
)
def test_what_can_not_run_there_is_refused(
    overrides: list[str], target: Literal["kubeflow", "vertex"], text: str
) -> None:
    from tfx_contrastive.pipeline.runners.kubeflow import compiler

    with pytest.raises(ConfigError, match=text):
        compiler.compile_pipeline(load_config("digits", overrides), golden.SOURCE, target)


def test_the_command_writes_the_file_and_prints_one_line(tmp_path: pathlib.Path) -> None:
    out = tmp_path / "deploy" / "digits.yaml"
    command = [
        sys.executable,
        "-m",
        "tfx_contrastive.pipeline.cli.main",
        "compile",
        "--config",
        "digits",
        "--out",
        str(out),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"Compiled digits for kubeflow: {out}\n", "")
    spec = next(yaml.safe_load_all(out.read_text()))
    assert spec["root"]["inputDefinitions"]["parameters"]["data_fingerprint"]["defaultValue"]


def test_without_a_label_the_encoder_is_pushed(tmp_path: pathlib.Path) -> None:
    out = tmp_path / "encoder.json"
    overrides = [f"--set={item}" for item in golden.OVERRIDES["vertex"]]
    arguments = ["--config", "digits", *overrides, "--target", "vertex", "--no-inspect", "--unlabeled"]
    done = click.testing.CliRunner().invoke(kubeflow.compile_command, [*arguments, "--out", str(out)])
    assert done.exit_code == 0, done.output
    tasks = json.loads(out.read_text())["pipelineSpec"]["components"]["tfx-dag"]["dag"]["tasks"]
    assert "Trainer" not in tasks
    assert (
        tasks["Pusher"]["inputs"]["artifacts"]["model"]["taskOutputArtifact"]["producerTask"] == "Pretrainer"
    )
