"""What is added to a compiled specification, on a specification of one task: no TFX, no compiler."""

import copy
import json
from typing import Any

import pytest

from tfx_contrastive.pipeline.config.platforms import KubeflowConfig, TaskConfig
from tfx_contrastive.pipeline.runners.kubeflow.finishing import (
    Finishing,
    executor_labels,
    platform_document,
)
from tfx_contrastive.pipeline.runners.kubeflow.parameters import Overlay, RunParameter, decode_overlays

STAGING = "/tmp/staging"
STEPS = RunParameter(
    "steps", "NUMBER_INTEGER", 300, "Steps", {"Pretrainer": (Overlay("steps", ("custom_config", "steps")),)}
)
STATE = RunParameter("state_root", "STRING", "/mnt/state", "Checkpoints")


def compiled() -> dict[str, Any]:
    custom = json.dumps({"steps": 300, "checkpoint_root": f"{STAGING}/checkpoints"})
    task = {"inputs": {"parameters": {"custom_config": {"runtimeValue": {"constant": custom}}}}}
    return {
        "root": {"dag": {"tasks": {"tfx-dag": {}, "ReportOutcome": {}}}},
        "components": {
            "tfx-dag": {"dag": {"tasks": {"Pretrainer": task}}},
            "Pretrainer": {"executorLabel": "Pretrainer_executor"},
            "ReportOutcome": {"executorLabel": "ReportOutcome_executor"},
        },
        "deploymentSpec": {
            "executors": {
                f"{name}_executor": {"container": {"image": "old", "args": ["--x"]}}
                for name in ("Pretrainer", "ReportOutcome")
            }
        },
    }


def finished(managed: bool = False, **kubeflow: Any) -> dict[str, Any]:
    config = KubeflowConfig.model_validate({"image": "new:1", **kubeflow})
    return Finishing(config, (STATE, STEPS), STAGING, managed)(compiled())


def container(spec: dict[str, Any], node_id: str = "Pretrainer") -> dict[str, Any]:
    found: dict[str, Any] = spec["deploymentSpec"]["executors"][f"{node_id}_executor"]["container"]
    return found


def task(spec: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = spec["components"]["tfx-dag"]["dag"]["tasks"]["Pretrainer"]
    return found


def test_the_given_specification_stays_as_it_was() -> None:
    before = compiled()
    given = copy.deepcopy(before)
    Finishing(KubeflowConfig(), (STATE, STEPS), STAGING, False)(given)
    assert given == before


def test_a_parameter_is_declared_at_the_root_and_handed_down_to_its_task() -> None:
    spec = finished()
    assert spec["root"]["inputDefinitions"]["parameters"]["steps"] == {
        "parameterType": "NUMBER_INTEGER",
        "defaultValue": 300,
        "isOptional": True,
        "description": "Steps",
    }
    handed = {"componentInputParameter": "steps"}
    assert spec["root"]["dag"]["tasks"]["tfx-dag"]["inputs"]["parameters"]["steps"] == handed
    assert task(spec)["inputs"]["parameters"]["steps"] == handed
    assert spec["components"]["Pretrainer"]["inputDefinitions"]["parameters"]["steps"] == {
        "parameterType": "NUMBER_INTEGER"
    }
    args = container(spec)["args"]
    assert decode_overlays(args[args.index("--overlays") + 1]) == STEPS.overlays["Pretrainer"]
    assert "--overlays" not in container(spec, "ReportOutcome")["args"]


def test_checkpoints_lie_under_the_state_root_in_a_folder_of_their_execution() -> None:
    constant = task(finished())["inputs"]["parameters"]["custom_config"]["runtimeValue"]["constant"]
    assert json.loads(constant)["checkpoint_root"] == "${state_root}/checkpoints/${execution}"


@pytest.mark.parametrize("managed", [False, True])
def test_storage_is_managed_on_vertex_only(managed: bool) -> None:
    spec = finished(managed, pipeline_root="gs://bucket/root")
    assert (container(spec)["args"][-2:] == ["--storage", "managed"]) == managed
    assert ("defaultPipelineRoot" in spec) == (not managed)


def test_resources_retries_variables_and_cache_of_a_task() -> None:
    spec = finished(
        defaults={"env": {"B": "2", "A": "1"}, "retry": {"max_count": 3, "wait_seconds": 5, "factor": 1.5}},
        tasks={"Pretrainer": {"cache": False, "resources": {"cpu": 8, "accelerator": {"count": 2}}}},
    )
    assert container(spec)["image"] == "new:1"
    assert container(spec)["env"] == [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    assert container(spec)["resources"] == {
        "cpuLimit": 8.0,
        "accelerator": {"type": "nvidia.com/gpu", "count": "2"},
    }
    assert task(spec)["retryPolicy"] == {
        "maxRetryCount": 3,
        "backoffDuration": "5s",
        "backoffFactor": 1.5,
        "backoffMaxDuration": "600s",
    }
    assert task(spec)["cachingOptions"] == {}
    assert task(finished())["cachingOptions"] == {"enableCache": True}


def test_no_retry_is_no_policy() -> None:
    assert "retryPolicy" not in task(finished(defaults={"retry": {"max_count": 0}}))


def test_only_containers_have_a_label() -> None:
    assert executor_labels(compiled()) == {
        "Pretrainer": "Pretrainer_executor",
        "ReportOutcome": "ReportOutcome_executor",
    }


def test_kubernetes_settings_are_a_document_of_their_own() -> None:
    pytest.importorskip("kfp.kubernetes", reason="the extra `kubeflow` is not installed")
    settings = TaskConfig.model_validate(
        {
            "volumes": [{"claim": "state", "mount_path": "/mnt"}],
            "secrets": [{"name": "s", "mount_path": "/s"}, {"name": "v", "env": {"key": "KEY"}}],
            "node_selector": {"pool": "gpu"},
        }
    )
    document = platform_document({"b": TaskConfig(), "a": settings})
    assert document is not None
    assert document["platforms"]["kubernetes"]["deploymentSpec"]["executors"] == {
        "a": {
            "pvcMount": [{"constant": "state", "mountPath": "/mnt"}],
            "secretAsVolume": [{"secretName": "s", "mountPath": "/s"}],
            "secretAsEnv": [{"secretName": "v", "keyToEnv": [{"secretKey": "key", "envVar": "KEY"}]}],
            "nodeSelector": {"labels": {"pool": "gpu"}},
        }
    }
    assert platform_document({"b": TaskConfig()}) is None
