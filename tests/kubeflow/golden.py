"""Golden files of the compiled pipelines: `python -m tests.kubeflow.golden` writes them anew."""

import json
import pathlib
import re
from typing import Any

import yaml

from tfx_contrastive import __version__
from tfx_contrastive.pipeline.config import load_config
from tfx_contrastive.pipeline.source import Source

FOLDER = pathlib.Path(__file__).parent / "golden"
SOURCE = Source("fingerprint")
OVERRIDES = {
    "kubeflow": (
        "kubeflow.pipeline_root=s3://artifacts/digits",
        "kubeflow.defaults.env={TZ: UTC}",
        "kubeflow.defaults.retry.max_count=1",
        "kubeflow.defaults.resources={cpu: 2, memory_gb: 4}",
        "kubeflow.defaults.volumes=[{claim: state, mount_path: /mnt/tfx-contrastive}]",
        "kubeflow.tasks.Pretrainer.resources="
        "{cpu: 8, memory_gb: 32, cpu_request: 4, memory_request_gb: 16, accelerator: {count: 1}}",
        "kubeflow.tasks.Pretrainer.node_selector={pool: gpu}",
        "kubeflow.tasks.Pretrainer.image=registry.example/tfx-contrastive-gpu:0.1.0",
        "kubeflow.tasks.ImageExampleGen.secrets=[{name: bucket, mount_path: /secrets/bucket}]",
        "kubeflow.tasks.ReportOutcome.secrets=[{name: chat, env: {url: TFX_CONTRASTIVE_WEBHOOK}}]",
        "kubeflow.tasks.TestEvaluator.cache=false",
    ),
    "vertex": (
        "kubeflow.pipeline_root=gs://bucket/artifacts",
        "kubeflow.state_root=gs://bucket/state",
    ),
}
# Above this, a constant is a component's own configuration: the component's tests are about that.
_LONGEST = 160


def compile_golden(target: Any) -> Any:
    """Compiles `digits` as the golden file has it."""
    from tfx_contrastive.pipeline.runners.kubeflow import compiler

    return compiler.compile_pipeline(load_config("digits", OVERRIDES[target]), SOURCE, target)


def normalized(compiled: Any) -> Any:
    """The compiled text, shortened, without what changes with each version of code or library."""
    documents = [compiled.job] if compiled.job else [compiled.spec, compiled.platform]
    return yaml.safe_dump_all([_shortened(document) for document in documents], sort_keys=True)


def path_of(target: Any) -> Any:
    """Where the golden file of a target is."""
    return FOLDER / f"{target}.yaml"


def _shortened(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _shortened(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_shortened(item, key) for item in value]
    if key == "sdkVersion" or key.startswith("tfx_"):
        return "<version>"
    if key == "constant" and isinstance(value, str) and len(value) > _LONGEST:
        return f"<{type(json.loads(value)).__name__}>"
    if key == "constant" and isinstance(value, str) and value.endswith("/schema.pbtxt"):
        return "<digest>/schema.pbtxt"
    if key == "args" and value.startswith('{"schema_file"'):
        return "<schema>"
    if not isinstance(value, str):
        return value
    value = value.replace(f"tfx-contrastive:{__version__}", "tfx-contrastive:<version>")
    return re.sub(r'"code": "[0-9a-f]+"', '"code": "<digest>"', value)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in OVERRIDES:
        path_of(name).write_text(normalized(compile_golden(name)))
