"""`tfx-contrastive compile` and `tfx-contrastive submit`."""

import datetime
import importlib.util
import os
import pathlib
import sys
from typing import TYPE_CHECKING, Literal

import click

from tfx_contrastive.components.image_example_gen import inspect_source
from tfx_contrastive.pipeline.cli import options, terminal
from tfx_contrastive.pipeline.config import PipelineConfig
from tfx_contrastive.pipeline.source import Source, source_of

DEFAULT_NAMES = {"kubeflow": "pipeline.yaml", "vertex": "pipeline.json"}


@click.command("compile")
@options.config_options
@click.option(
    "--target",
    type=click.Choice(list(DEFAULT_NAMES)),
    default="kubeflow",
    show_default=True,
    help="Compile for open-source Kubeflow Pipelines v2 or for Vertex AI Pipelines.",
)
@click.option(
    "--out",
    metavar="FILE",
    show_default="pipeline.yaml; pipeline.json for vertex",
    help="Path of the compiled pipeline.",
)
@click.option(
    "--inspect/--no-inspect",
    default=True,
    show_default=True,
    help="Inspect the data from this machine. Without inspection the images count as labeled, unless "
    "--unlabeled is given.",
)
@click.option(
    "--unlabeled", is_flag=True, help="Compile for images without any label; only with --no-inspect."
)
def compile_command(
    config_name: str | None,
    overrides: tuple[str, ...],
    target: Literal["kubeflow", "vertex"],
    out: str | None,
    inspect: bool,
    unlabeled: bool,
) -> None:
    """Compile the pipeline for Kubeflow Pipelines. This needs neither a cluster nor credentials."""
    require_kfp()
    if inspect and unlabeled:
        raise click.UsageError(
            "Received --unlabeled without --no-inspect. The inspection itself finds out whether images have "
            "labels: give both options or neither."
        )
    out = out or DEFAULT_NAMES[target]
    options.require_writable(pathlib.Path(out), "--out")
    with options.told_plainly():
        config = options.load_config(config_name, overrides)
        source = source_of(config, inspect_source(config.data)) if inspect else Source("", not unlabeled)
        compile_to(config, source, target, out)
    click.echo(f"Compiled {config.name} for {target}: {out}")


def compile_to(
    config: PipelineConfig, source: Source, target: Literal["kubeflow", "vertex"], out: str
) -> None:
    """Compile to a file, and keep what libraries print off the terminal."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere, terminal.native_stderr_to(nowhere):
        from tfx_contrastive.pipeline.runners.kubeflow import compiler

        compiled = compiler.compile_pipeline(config, source, target)
    compiler.write(compiled, out)


def require_kfp() -> None:
    """Check that the package `kfp` is installed, which compiling and submitting need.

    Raises:
        click.ClickException: If it is not.
    """
    if importlib.util.find_spec("kfp") is None:
        raise click.ClickException(
            "The package kfp is not installed. Install the extra that brings it: "
            "pip install 'tfx-contrastive[kubeflow]'."
        )


if TYPE_CHECKING:
    from tfx_contrastive.pipeline.runners.kubeflow.submission import Submission

TOKEN_VARIABLE = "KFP_TOKEN"


@click.command("submit")
@click.argument("compiled_file", metavar="FILE", type=click.Path(exists=True, dir_okay=False))
@click.option("--host", required=True, metavar="URL", help="Address of the API server of Kubeflow Pipelines.")
@click.option(
    "--experiment",
    default="tfx-contrastive",
    show_default=True,
    metavar="NAME",
    help="Add the run to this experiment, which is created if it does not exist.",
)
@click.option(
    "--name", metavar="NAME", show_default="file name and time", help="Name of the run or schedule."
)
@click.option(
    "--param",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set a run-time parameter of the pipeline, such as pretrain_steps=500. Can be repeated.",
)
@click.option(
    "--pipeline-root", metavar="URI", show_default="as compiled", help="Write artifacts below this URI."
)
@click.option(
    "--cron",
    metavar="EXPR",
    help="Run on this schedule instead of once: six fields, seconds first, such as '0 0 3 * * *'.",
)
@click.option(
    "--wait/--no-wait",
    default=False,
    show_default=True,
    help="Print the progress until the run ends; exit with status 1 if it fails.",
)
@options.number_option(
    "--poll-seconds",
    default=10.0,
    least=0.1,
    most=86_400,
    metavar="SECONDS",
    help="With --wait: time between two status requests.",
)
@click.option(
    "--token-file",
    type=click.Path(exists=True),
    metavar="FILE",
    show_default=f"environment variable {TOKEN_VARIABLE}",
    help="Read the bearer token from this file.",
)
@click.option(
    "--ca-file",
    type=click.Path(exists=True),
    metavar="FILE",
    help="Trust the certificate authorities in this file.",
)
@click.option("--insecure", is_flag=True, help="Do not verify the certificate of the server.")
@click.option("--namespace", metavar="NAME", help="Namespace of the run, on a multi-user installation.")
@click.option("--service-account", metavar="NAME", help="Kubernetes service account of the pods.")
def submit_command(
    compiled_file: str,
    host: str,
    experiment: str,
    name: str | None,
    parameters: tuple[str, ...],
    pipeline_root: str | None,
    cron: str | None,
    wait: bool,
    poll_seconds: float,
    token_file: str | None,
    ca_file: str | None,
    insecure: bool,
    namespace: str | None,
    service_account: str | None,
) -> None:
    """Run or schedule a compiled pipeline on Kubeflow Pipelines.

    FILE is the output of `tfx-contrastive compile`.
    """
    require_kfp()
    from tfx_contrastive.pipeline.runners.kubeflow import submission

    if cron and wait:
        raise click.UsageError(
            "Received --cron and --wait. A schedule has no run to wait for: give one of them."
        )
    token = pathlib.Path(token_file).read_text().strip() if token_file else os.environ.get(TOKEN_VARIABLE)
    server = submission.Server(host, token, ca_file, not insecure, namespace)
    stem = pathlib.Path(compiled_file).stem
    name = name or f"{stem} {datetime.datetime.now().astimezone():%Y-%m-%d %H:%M:%S}"
    with options.told_plainly(quiet=False):
        values = submission.parameters_of(compiled_file, parameters)
        job = submission.Job(compiled_file, experiment, values, name, pipeline_root, service_account)
        connection = submission.Submission(server)
        if cron:
            click.echo(f"Scheduled {name}: {connection.recurring_run(job, cron)}")
            return
        run_id = connection.run(job)
        click.echo(f"Started {name}: {connection.link(run_id)}")
        if wait:
            sys.exit(_follow(connection, run_id, poll_seconds))


def _follow(connection: "Submission", run_id: str, seconds: float) -> int:
    state = ""
    for change in connection.follow(run_id, seconds):
        if isinstance(change, str):
            state = change
        else:
            click.echo(f"{change.name:<20} {change.state.lower()}")
    click.echo(f"Run {run_id}: {state.lower()}")
    return 0 if state == "SUCCEEDED" else 1
