from typing import Any

import pytest

from tfx_contrastive import __version__
from tfx_contrastive.contract.errors import ConfigError
from tfx_contrastive.pipeline.config import load_config


def args_of(*overrides: Any) -> Any:
    return load_config("digits", overrides).beam.pipeline_args()


def test_local_gives_no_option_so_that_tfx_builds_no_source_package() -> None:
    assert args_of() == []


def test_local_parallel_starts_worker_processes() -> None:
    assert args_of("beam.profile=local-parallel", "beam.workers=3") == [
        "--runner=DirectRunner",
        "--direct_running_mode=multi_processing",
        "--direct_num_workers=3",
        f"--sdk_container_image=tfx-contrastive:{__version__}",
    ]


def test_portable_names_the_job_server_and_the_workers() -> None:
    options = args_of(
        "beam.profile=portable",
        "beam.job_endpoint=beam:7000",
        "beam.worker_pool=workers:50000",
        "beam.workers=4",
    )
    assert "--runner=PortableRunner" in options
    assert "--job_endpoint=beam:7000" in options
    assert "--environment_config=workers:50000" in options
    assert "--sdk_worker_parallelism=4" in options


def test_own_options_come_last_and_win() -> None:
    options = args_of("beam.profile=local-parallel", "beam.args=['--direct_num_workers=7']")
    assert options[-1] == "--direct_num_workers=7"


@pytest.mark.parametrize(
    ("profile", "absent"),
    [
        ("flink", "flink_version, master"),
        ("spark", "master"),
        ("dataflow", "project, region, temp_location"),
    ],
)
def test_an_engine_without_its_address_is_refused(profile: Any, absent: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config("digits", [f"beam.profile={profile}"])
    assert all(name in str(caught.value) for name in absent.split(", "))


@pytest.mark.parametrize(
    "overrides",
    [
        ("beam.profile=flink", "beam.master=jobmanager:8081", "beam.flink_version='1.19'"),
        ("beam.profile=spark", "beam.master=http://spark:6066"),
        (
            "beam.profile=dataflow",
            "beam.project=p",
            "beam.region=europe-west4",
            "beam.temp_location=gs://b/tmp",
        ),
        ("beam.profile=portable",),
        ("beam.profile=local-parallel",),
    ],
)
def test_beam_itself_knows_every_option(overrides: Any) -> None:
    from apache_beam.options.pipeline_options import PipelineOptions

    options = args_of(*overrides)
    read = PipelineOptions(options).get_all_options(drop_default=True)
    named = {option.removeprefix("--").partition("=")[0] for option in options}
    assert named <= set(read)
