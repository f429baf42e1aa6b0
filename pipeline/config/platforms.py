"""The platforms that run the pipeline: Beam's engines and Kubeflow Pipelines."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from tfx_contrastive import __version__
from tfx_contrastive.contract.frozen import Frozen

Profile = Literal["local", "local-parallel", "portable", "flink", "spark", "dataflow"]

# Options by profile, with fields of BeamConfig in braces. An image is named even where no container is
# started: without it TFX would build a source package for each component.
_PROFILES: dict[Profile, tuple[str, ...]] = {
    # The default of Beam, in this process. With any option TFX would build a source package.
    "local": (),
    "local-parallel": (
        "--runner=DirectRunner",
        "--direct_running_mode=multi_processing",
        "--direct_num_workers={workers}",
        "--sdk_container_image={image}",
    ),
    # A job server that is already running, with a worker pool that is already running.
    "portable": (
        "--runner=PortableRunner",
        "--job_endpoint={job_endpoint}",
        "--artifact_endpoint={artifact_endpoint}",
        "--environment_type=EXTERNAL",
        "--environment_config={worker_pool}",
        "--sdk_worker_parallelism={workers}",
        "--sdk_container_image={image}",
    ),
    "flink": (
        "--runner=FlinkRunner",
        "--flink_master={master}",
        "--flink_version={flink_version}",
        "--flink_submit_uber_jar",
        "--parallelism={workers}",
        "--environment_type=EXTERNAL",
        "--environment_config={worker_pool}",
        "--sdk_container_image={image}",
    ),
    "spark": (
        "--runner=SparkRunner",
        "--spark_master_url={master}",
        "--spark_submit_uber_jar",
        "--sdk_worker_parallelism={workers}",
        "--environment_type=EXTERNAL",
        "--environment_config={worker_pool}",
        "--sdk_container_image={image}",
    ),
    "dataflow": (
        "--runner=DataflowRunner",
        "--project={project}",
        "--region={region}",
        "--temp_location={temp_location}",
        "--experiments=use_runner_v2",
        "--max_num_workers={workers}",
        "--sdk_container_image={image}",
    ),
}


class BeamConfig(Frozen):
    """The Beam engine that runs the data components (docs/beam.md)."""

    profile: Profile = "local"
    workers: int = Field(2, ge=1, description="number of processes, or the maximum that the engine may start")
    job_endpoint: str = Field("localhost:8099", description="portable: host:port of the job server")
    artifact_endpoint: str = Field(
        "localhost:8098", description="portable: host:port of its artifact service"
    )
    worker_pool: str = Field(
        "localhost:50000", description="portable, flink, spark: host:port of the worker pool"
    )
    master: str | None = Field(
        None, description="flink: host:port of the JobManager; spark: http://host:6066"
    )
    flink_version: str | None = Field(None, description="flink: version, such as 1.19")
    image: str = Field(
        f"tfx-contrastive:{__version__}",
        description="container image of the workers, with this package installed",
    )
    project: str | None = Field(None, description="dataflow: the cloud project")
    region: str | None = Field(None, description="dataflow: region, such as europe-west4")
    temp_location: str | None = Field(None, description="dataflow: gs:// path for temporary files")
    args: tuple[str, ...] = Field((), description="further Beam options; they override those of the profile")
    by_component: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="class or id of a node -> further Beam options of the node"
    )

    @model_validator(mode="after")
    def _profile_is_complete(self) -> "BeamConfig":
        absent = [name for name in self._fields_needed() if getattr(self, name) is None]
        if absent:
            raise ValueError(
                f"Received profile {self.profile!r} without {', '.join(absent)}; expected a value for each. "
                f"Set beam.{absent[0]}, and so on."
            )
        return self

    def pipeline_args(self) -> list[str]:
        """Return the options of all Beam components, as on a command line."""
        values = self.model_dump()
        return [option.format(**values) for option in _PROFILES[self.profile]] + list(self.args)

    def _fields_needed(self) -> list[str]:
        options = " ".join(_PROFILES[self.profile])
        return [name for name in type(self).model_fields if f"{{{name}}}" in options]


EXIT_HANDLER = "ReportOutcome"

# A valid name of a Kubernetes object (RFC 1123).
KubernetesName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
MountPath = Annotated[str, StringConstraints(pattern=r"^/[^:]*$")]


class RetryConfig(Frozen):
    """Retries of a failed task. TFX itself sets none."""

    max_count: int = Field(2, ge=0, le=10)
    wait_seconds: int = Field(30, ge=0, description="before the first retry")
    factor: float = Field(2.0, ge=1, description="factor between one wait and the next")
    max_wait_seconds: int = Field(600, ge=0)


class AcceleratorConfig(Frozen):
    """Accelerators of a task, by the resource name of their device plugin."""

    type: str = "nvidia.com/gpu"
    count: int = Field(1, ge=1)


class ResourcesConfig(Frozen):
    """Requests and limits of a task; None leaves a value to the LimitRange of the namespace."""

    cpu: float | None = Field(None, gt=0, description="limit, in cores")
    memory_gb: float | None = Field(None, gt=0, description="limit, in 10^9 bytes")
    cpu_request: float | None = Field(None, gt=0)
    memory_request_gb: float | None = Field(None, gt=0)
    accelerator: AcceleratorConfig | None = None


class SecretConfig(Frozen):
    """A Secret of the namespace. The compiled file contains only its name, never its content."""

    name: KubernetesName
    mount_path: MountPath | None = Field(None, description="each key becomes a file in this directory")
    env: dict[str, VariableName] = Field(
        default_factory=dict, description="key in the Secret -> environment variable"
    )


class VolumeConfig(Frozen):
    """A PersistentVolumeClaim of the namespace, with ReadWriteMany if tasks run on several nodes."""

    claim: KubernetesName
    mount_path: MountPath


class TolerationConfig(Frozen):
    """Allows a task on nodes with this taint; needs kfp-kubernetes 1.1 or newer (TFX 1.21)."""

    key: str
    operator: Literal["Equal", "Exists"] = "Exists"
    value: str = ""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] = "NoSchedule"


class TaskConfig(Frozen):
    """Settings of one task; values that are None or empty come from `defaults`."""

    image: str | None = None
    resources: ResourcesConfig | None = None
    retry: RetryConfig | None = None
    cache: bool | None = None
    env: dict[VariableName, str] = Field(
        default_factory=dict, description="environment variables; for secrets use `secrets`"
    )
    secrets: tuple[SecretConfig, ...] = ()
    volumes: tuple[VolumeConfig, ...] = ()
    node_selector: dict[str, str] = Field(default_factory=dict)
    tolerations: tuple[TolerationConfig, ...] = ()


class TaskDefaults(TaskConfig):
    """Settings of every task. The settings of a task override them; dictionaries and lists are joined."""

    resources: ResourcesConfig | None = ResourcesConfig(cpu=2, memory_gb=4)
    retry: RetryConfig | None = RetryConfig()
    cache: bool | None = True
    volumes: tuple[VolumeConfig, ...] = (
        VolumeConfig(claim="tfx-contrastive-state", mount_path="/mnt/tfx-contrastive"),
    )


class KubeflowConfig(Frozen):
    """Image, storage and resources on a Kubeflow cluster (docs/kubeflow.md)."""

    image: str = f"tfx-contrastive:{__version__}"
    pipeline_root: str | None = Field(
        None, description="URI of the artifacts: minio://, s3:// or gs://; None: the default of the cluster"
    )
    state_root: str = Field(
        "/mnt/tfx-contrastive",
        description="place of checkpoints and pushed models, which outlive a run: a mounted volume, or gs://",
    )
    defaults: TaskDefaults = TaskDefaults()
    tasks: dict[str, TaskConfig] = Field(
        default_factory=dict, description="settings of single tasks, by node id"
    )

    @field_validator("pipeline_root")
    @classmethod
    def _known_scheme(cls, root: str | None) -> str | None:
        schemes = ("minio://", "s3://", "gs://")
        if root is not None and not root.startswith(schemes):
            raise ValueError(
                f"expected one of {', '.join(schemes)}: the launcher of KFP supports no other storage"
            )
        return root.rstrip("/") if root else root

    @field_validator("state_root")
    @classmethod
    def _reachable(cls, root: str) -> str:
        if not root.startswith(("/", "gs://")):
            raise ValueError(
                "expected the path of a mounted volume, or gs://: TensorFlow writes there itself"
            )
        if any(character in root for character in "\"'\\{}$"):
            raise ValueError("expected a path without quotes, backslashes, braces and dollar signs")
        return root.rstrip("/")

    def task(self, node_id: str) -> TaskConfig:
        """Return the settings of a task with the defaults filled in; dictionaries and lists are joined."""
        own, common = self.tasks.get(node_id, TaskConfig()), self.defaults
        return TaskConfig(
            image=own.image or common.image or self.image,
            resources=own.resources or common.resources,
            retry=own.retry or common.retry,
            cache=common.cache if own.cache is None else own.cache,
            env={**common.env, **own.env},
            secrets=common.secrets + own.secrets,
            volumes=common.volumes + own.volumes,
            node_selector={**common.node_selector, **own.node_selector},
            tolerations=common.tolerations + own.tolerations,
        )
