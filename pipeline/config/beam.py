"""Which engine runs the Beam components (docs/beam.md)."""

from typing import Literal

from pydantic import Field, model_validator

from tfx_contrastive import __version__
from tfx_contrastive.contract.frozen import Frozen

Profile = Literal["local", "local-parallel", "portable", "flink", "spark", "dataflow"]

# Options by profile; {workers} and the like are the fields of BeamConfig. An image is named even where
# no container is started: without it TFX builds a source package for each component.
_PROFILES: dict[Profile, tuple[str, ...]] = {
    # Beam's own default, in this process: with any option at all TFX would build a source package.
    "local": (),
    "local-parallel": (
        "--runner=DirectRunner",
        "--direct_running_mode=multi_processing",
        "--direct_num_workers={workers}",
        "--sdk_container_image={image}",
    ),
    # A job server that is already up; its workers are already up too and told what to do by address.
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
    """How Beam runs the data components."""

    profile: Profile = "local"
    workers: int = Field(2, ge=1, description="processes, or the most that the engine may start")
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
    flink_version: str | None = Field(None, description="flink: such as 1.19")
    image: str = Field(
        f"tfx-contrastive:{__version__}", description="of containers with workers: has this package in it"
    )
    project: str | None = Field(None, description="dataflow: the cloud project")
    region: str | None = Field(None, description="dataflow: such as europe-west4")
    temp_location: str | None = Field(None, description="dataflow: gs:// path for temporary files")
    args: tuple[str, ...] = Field((), description="further Beam options; they win over the profile's")
    by_component: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="class or id of a node -> its further options"
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
        """The options that all Beam components share, as on a command line."""
        values = self.model_dump()
        return [option.format(**values) for option in _PROFILES[self.profile]] + list(self.args)

    def _fields_needed(self) -> list[str]:
        options = " ".join(_PROFILES[self.profile])
        return [name for name in type(self).model_fields if f"{{{name}}}" in options]
