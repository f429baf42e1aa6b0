"""Kubeflow's part of the configuration: defaults of tasks, names and places."""

import pytest

from tfx_contrastive.contract.errors import ConfigError
from tfx_contrastive.pipeline.config import load_config
from tfx_contrastive.pipeline.config.platforms import KubeflowConfig, SecretConfig, TaskConfig, VolumeConfig


def test_a_task_takes_the_defaults_and_overrides_them() -> None:
    kubeflow = KubeflowConfig.model_validate(
        {
            "image": "common:1",
            "defaults": {
                "retry": {"max_count": 1},
                "env": {"TZ": "UTC", "A": "1"},
                "secrets": [{"name": "all", "env": {"key": "KEY"}}],
                "volumes": [{"claim": "state", "mount_path": "/mnt/state"}],
                "node_selector": {"pool": "cpu"},
            },
            "tasks": {
                "Pretrainer": {
                    "image": "gpu:1",
                    "cache": False,
                    "env": {"A": "2"},
                    "volumes": [{"claim": "fast", "mount_path": "/mnt/fast"}],
                    "node_selector": {"pool": "gpu"},
                }
            },
        }
    )
    assert kubeflow.task("Pretrainer") == TaskConfig(
        image="gpu:1",
        resources=kubeflow.defaults.resources,
        retry=kubeflow.defaults.retry,
        cache=False,
        env={"TZ": "UTC", "A": "2"},
        secrets=(SecretConfig(name="all", env={"key": "KEY"}),),
        volumes=(
            VolumeConfig(claim="state", mount_path="/mnt/state"),
            VolumeConfig(claim="fast", mount_path="/mnt/fast"),
        ),
        node_selector={"pool": "gpu"},
    )
    other = kubeflow.task("Evaluator")
    assert (other.image, other.cache, other.env) == ("common:1", True, {"TZ": "UTC", "A": "1"})


@pytest.mark.parametrize(
    ("override", "text"),
    [
        (
            "kubeflow.pipeline_root=/tmp/root",
            "kubeflow.pipeline_root: .* expected one of minio://, s3://, gs",
        ),
        ("kubeflow.state_root=s3://b/state", "kubeflow.state_root: .* expected the path of a mounted volume"),
        (
            "kubeflow.state_root=/mnt/$x",
            "kubeflow.state_root: .* without quotes, backslashes",
        ),
        ("kubeflow.defaults.volumes=[{claim: Big, mount_path: /mnt}]", "kubeflow.defaults.volumes.0.claim"),
        ("kubeflow.defaults.env={1A: x}", "kubeflow.defaults.env.1A"),
        (
            "kubeflow.defaults.retry.max_count=11",
            "defaults.retry.max_count: received 11, expected a n",
        ),
        ("beam.profile=flink", "beam: Received profile 'flink' without master"),
    ],
)
def test_a_mistake_is_told_with_its_key(override: str, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        load_config("digits", [override])


def test_places_end_without_a_slash() -> None:
    kubeflow = load_config(
        "digits", ["kubeflow={pipeline_root: 'gs://b/r/', state_root: /mnt/state/}"]
    ).kubeflow
    assert (kubeflow.pipeline_root, kubeflow.state_root) == ("gs://b/r", "/mnt/state")
