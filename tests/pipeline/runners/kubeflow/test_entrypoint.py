import json
import pathlib
from typing import Any

from tfx_contrastive.pipeline.runners.kubeflow import entrypoint
from tfx_contrastive.pipeline.runners.kubeflow.parameters import Overlay

OUTPUTS = {"artifacts": {"model": {"artifacts": [{"uri": "/minio/b/run-1/Pretrainer/9/model"}]}}}


def properties_of(
    parameters: Any, overlays: Any = (), files: Any = None, folder: Any = "", outputs: Any = OUTPUTS
) -> Any:
    executor_input = {"inputs": {"parameterValues": parameters}, "outputs": outputs}
    return entrypoint.exec_properties(executor_input, overlays, files or {}, folder)


def test_run_time_parameters_are_laid_over_and_leave() -> None:
    overlays = [Overlay("labels_per_class", ("ingest", "labels_per_class"))]
    given = {"ingest": '{"labels_per_class": 20}', "fingerprint": "f", "labels_per_class": 5.0}
    assert properties_of(given, overlays) == {"ingest": '{"labels_per_class": 5}', "fingerprint": "f"}


def test_the_state_root_is_filled_in() -> None:
    given = {"serving_dir": "${state_root}/serving/digits", "state_root": "/mnt/state"}
    assert properties_of(given) == {"serving_dir": "/mnt/state/serving/digits"}


def test_a_file_that_travels_in_the_arguments_is_written(tmp_path: pathlib.Path) -> None:
    read = properties_of(
        {"schema_file": "0a1b/schema.pbtxt"}, files={"schema_file": "feature {}"}, folder=tmp_path
    )
    assert read["schema_file"].endswith("schema.pbtxt")
    with open(read["schema_file"], encoding="utf-8") as handle:
        assert handle.read() == "feature {}"


def test_retries_share_a_directory_and_runs_do_not() -> None:
    given = {"custom_config": json.dumps({"checkpoint_root": "/c/${execution}"})}
    other = json.loads(json.dumps(OUTPUTS).replace("run-1", "run-2"))
    assert properties_of(given) == properties_of(given)
    assert properties_of(given) != properties_of(given, outputs=other)
