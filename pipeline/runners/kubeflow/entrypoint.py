"""The entry point of the containers: TFX's own entry point, adapted to open-source KFP."""

import argparse
import hashlib
import json
import logging
import os
import pathlib
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from tfx_contrastive.contract import stopping
from tfx_contrastive.contract.errors import StoppedError
from tfx_contrastive.pipeline.runners.kubeflow import invocation, parameters

COMMAND = ("python", "-m", "tfx_contrastive.pipeline.runners.kubeflow.entrypoint")
LOCAL_ROOT_VARIABLE = "TFX_CONTRASTIVE_LAUNCHER_ROOT"

_logger = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> None:
    """Run one component.

    Args:
        arguments: The container arguments of TFX, and those that `compiler.py` added.
    """
    own, beam_args = _parser().parse_known_args(list(arguments))
    received = json.loads(own.json_serialized_invocation_args)
    spec = json.loads(own.json_serialized_inputs_spec_args)
    managed = own.storage == "managed"
    local_root = os.environ.get(LOCAL_ROOT_VARIABLE, "")
    storage = invocation.ManagedStorage() if managed else invocation.Storage(local_root)
    with tempfile.TemporaryDirectory() as folder:
        executor_input = invocation.repaired_input(received, spec, storage)
        executor_input["inputs"]["parameterValues"] = exec_properties(
            executor_input, parameters.decode_overlays(own.overlays), json.loads(own.files), folder
        )
        _make_output_parents(executor_input, managed)
        _run_tfx(own.executor_class_path, executor_input, spec, beam_args)
    if not managed:
        output_file = pathlib.Path(executor_input["outputs"]["outputFile"])
        result = invocation.repaired_output(json.loads(output_file.read_text()), storage)
        output_file.write_text(json.dumps(result))


def exec_properties(
    executor_input: Mapping[str, Any],
    overlays: Sequence[parameters.Overlay],
    files: Mapping[str, str],
    folder: str,
) -> dict[str, Any]:
    """Return the execution properties with the run-time parameters applied, and write their files.

    Args:
        executor_input: The repaired executor input.
        overlays: The places that run-time parameters set.
        files: Name of an execution property that is a path -> text of the file.
        folder: Directory for the files.

    Returns:
        The execution properties, without the run-time parameters themselves.
    """
    received = executor_input["inputs"].get("parameterValues", {})
    run_time = {item.parameter for item in overlays} | {parameters.STATE_ROOT}
    properties = {name: value for name, value in received.items() if name not in run_time}
    properties = parameters.apply_overlays(properties, overlays, received)
    tokens = {parameters.EXECUTION: _execution_key(executor_input)}
    if parameters.STATE_ROOT in received:
        tokens[parameters.STATE_ROOT] = received[parameters.STATE_ROOT]
    for name, value in properties.items():
        if isinstance(value, str):
            properties[name] = parameters.fill_tokens(value, tokens)
    for name, text in files.items():
        path = pathlib.Path(folder, name, pathlib.PurePath(properties[name]).name)
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
        properties[name] = str(path)
    return properties


def _execution_key(executor_input: Mapping[str, Any]) -> str:
    """Return a name that the retries of a task share, and no other run has, from the URIs of its outputs."""
    outputs = executor_input["outputs"].get("artifacts", {})
    uris = sorted(artifact["uri"] for holder in outputs.values() for artifact in holder["artifacts"])
    return hashlib.sha256("\n".join(uris).encode()).hexdigest()[:16]


def _make_output_parents(executor_input: Mapping[str, Any], managed: bool) -> None:
    if managed:
        return
    for holder in executor_input["outputs"].get("artifacts", {}).values():
        for artifact in holder["artifacts"]:
            pathlib.Path(artifact["uri"]).parent.mkdir(parents=True, exist_ok=True)


def _run_tfx(
    executor_class_path: str, executor_input: Mapping[str, Any], spec: Mapping[str, Any], beam_args: list[str]
) -> None:
    # KFP's switch for containers: TFX needs only its protocol messages, neither client nor compiler.
    os.environ.setdefault("_KFP_RUNTIME", "true")
    from absl import flags
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor

    # Beam reads sys.argv if it gets no options; absl refuses to read flags that were never parsed.
    sys.argv = sys.argv[:1]
    flags.FLAGS(sys.argv)
    request = argparse.Namespace(
        executor_class_path=executor_class_path,
        json_serialized_invocation_args=json.dumps(executor_input),
        json_serialized_inputs_spec_args=json.dumps(spec),
    )
    kubeflow_v2_run_executor.main((request, beam_args))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--executor_class_path", required=True)
    parser.add_argument("--json_serialized_invocation_args", required=True)
    parser.add_argument("--json_serialized_inputs_spec_args", required=True)
    parser.add_argument("--overlays", default="[]")
    parser.add_argument("--files", default="{}")
    parser.add_argument("--storage", choices=["launcher", "managed"], default="launcher")
    return parser


if __name__ == "__main__":
    from absl import logging as absl_logging

    absl_logging.use_absl_handler()
    absl_logging.set_verbosity(absl_logging.INFO)
    # An evicted pod gets SIGTERM and some seconds, in which a Pretrainer saves a checkpoint.
    stopping.end_on_signals()
    exit_code = 0
    try:
        main(sys.argv[1:])
    except StoppedError as stopped:
        _logger.warning("%s; a retry continues there", stopped)
        exit_code = stopping.EXIT_CODE
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # Native libraries of TFX can crash while the interpreter shuts down, after the work is finished.
    os._exit(exit_code)
