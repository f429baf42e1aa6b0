from typing import Any

import pytest

from tfx_contrastive.pipeline.runners.kubeflow import invocation

MODEL = {"artifactType": {"instanceSchema": "title: tfx.Model\ntype: object\n"}}


def executor_input(**artifact: Any) -> Any:
    given = {"name": "7", "uri": "minio://b/run/model", "type": {"instanceSchema": ""}, **artifact}
    logs = {"name": "executor-logs", "uri": "minio://b/run/logs", "type": {"schemaTitle": "system.Artifact"}}
    out = {"name": "blessing", "uri": "minio://b/run/blessing", "type": {"instanceSchema": "title: tfx.B\n"}}
    return {
        "inputs": {"artifacts": {"model": {"artifacts": [given]}}},
        "outputs": {
            "artifacts": {"blessing": {"artifacts": [out]}, "executor-logs": {"artifacts": [logs]}},
            "outputFile": "/tmp/out.json",
        },
    }


def repaired(storage: Any = None, **artifact: Any) -> Any:
    storage = storage or invocation.Storage()
    return invocation.repaired_input(executor_input(**artifact), {"artifacts": {"model": MODEL}}, storage)


def model_of(repaired_input: Any) -> Any:
    return repaired_input["inputs"]["artifacts"]["model"]["artifacts"][0]


def test_types_come_from_the_compiled_specification() -> None:
    assert model_of(repaired())["type"] == MODEL["artifactType"]


def test_kfps_own_log_artifact_is_dropped() -> None:
    assert list(repaired()["outputs"]["artifacts"]) == ["blessing"]


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("minio://b/k", "/minio/b/k"),
        ("s3://b/k", "/s3/b/k"),
        ("gs://b/k", "/gcs/b/k"),
        ("/mnt/b/k", "/mnt/b/k"),
    ],
)
def test_uris_become_the_launchers_directories_and_return(uri: Any, path: Any) -> None:
    storage = invocation.Storage()
    assert storage.local(uri) == path
    assert storage.remote(path) == uri


def test_managed_pipelines_keep_their_uris() -> None:
    assert model_of(repaired(invocation.ManagedStorage(), uri="gs://b/k"))["uri"] == "gs://b/k"


def test_wrapped_metadata_is_unwrapped() -> None:
    metadata = {
        "splits": {"list": ["train"]},
        "more": {"struct": {"a": 1}},
        "n": 2.0,
        "own": {"a": 1, "b": 2},
    }
    assert model_of(repaired(metadata=metadata))["metadata"] == {
        "splits": ["train"],
        "more": {"a": 1},
        "n": 2.0,
        "own": {"a": 1, "b": 2},
    }


def test_an_artifact_without_a_name_is_named_by_its_uri() -> None:
    assert model_of(repaired(name=""))["name"] == "minio://b/run/model"


def test_the_input_is_left_as_it_was() -> None:
    given = executor_input()
    invocation.repaired_input(given, {"artifacts": {"model": MODEL}}, invocation.Storage())
    assert given == executor_input()


def test_results_return_with_remote_paths_and_without_nulls() -> None:
    blessing = {
        "uri": "/minio/b/run/blessing",
        "metadata": {"current_model": "/minio/b/model", "x": None, "n": 1},
    }
    result = {"artifacts": {"blessing": {"artifacts": [blessing]}}}
    assert invocation.repaired_output(result, invocation.Storage()) == {
        "artifacts": {
            "blessing": {
                "artifacts": [
                    {
                        "uri": "minio://b/run/blessing",
                        "metadata": {"current_model": "minio://b/model", "n": 1},
                    }
                ]
            }
        }
    }
