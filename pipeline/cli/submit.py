"""`tfx-contrastive submit`."""

import datetime
import os
import pathlib
import sys
from typing import TYPE_CHECKING

import click

from tfx_contrastive.contract.errors import InputError
from tfx_contrastive.pipeline.cli.compile import require_kfp

if TYPE_CHECKING:
    from tfx_contrastive.pipeline.runners.kubeflow.submission import Submission

TOKEN_VARIABLE = "KFP_TOKEN"


@click.command("submit")
@click.argument("compiled_file", metavar="FILE", type=click.Path(exists=True, dir_okay=False))
@click.option("--host", required=True, metavar="URL", help="API server of Kubeflow Pipelines.")
@click.option("--experiment", default="tfx-contrastive", show_default=True)
@click.option("--name", help="Of the run. [default: file name and time]")
@click.option("--param", "parameters", multiple=True, metavar="NAME=VALUE", help="A run-time parameter.")
@click.option("--pipeline-root", metavar="URI", help="Where artifacts go, instead of the compiled place.")
@click.option("--cron", metavar="EXPR", help="Schedule instead of running once; six fields: '0 0 3 * * *'.")
@click.option("--wait/--no-wait", default=False, show_default=True, help="Follow the run to its end.")
@click.option("--poll-seconds", default=10.0, show_default=True, help="Between two looks at the run.")
@click.option(
    "--token-file", type=click.Path(exists=True), help=f"Bearer token. [default: variable {TOKEN_VARIABLE}]"
)
@click.option("--ca-file", type=click.Path(exists=True), help="Certificates of a private authority.")
@click.option("--insecure", is_flag=True, help="Don't check the server's certificate.")
@click.option("--namespace", help="On a multi-user installation.")
@click.option("--service-account", help="Of the pods.")
def command(
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
    """Run or schedule FILE, a pipeline made by `compile`, on Kubeflow Pipelines."""
    require_kfp()
    from tfx_contrastive.pipeline.runners.kubeflow import submission

    if cron and wait:
        raise click.UsageError("--wait follows one run; a schedule has none yet.")
    token = pathlib.Path(token_file).read_text().strip() if token_file else os.environ.get(TOKEN_VARIABLE)
    server = submission.Server(host, token, ca_file, not insecure, namespace)
    stem = pathlib.Path(compiled_file).stem
    name = name or f"{stem} {datetime.datetime.now().astimezone():%Y-%m-%d %H:%M:%S}"
    try:
        values = submission.parameters_of(compiled_file, parameters)
        connection = submission.Submission(server)
        if cron:
            schedule = connection.recurring_run(
                compiled_file, experiment, values, name, cron, pipeline_root, service_account
            )
            click.echo(f"Scheduled {name}: {schedule}")
            return
        run_id = connection.run(compiled_file, experiment, values, name, pipeline_root, service_account)
        click.echo(f"Started {name}: {connection.link(run_id)}")
        if wait:
            sys.exit(_follow(connection, run_id, poll_seconds))
    except InputError as error:
        raise click.ClickException(str(error)) from error


def _follow(connection: "Submission", run_id: str, seconds: float) -> int:
    state = ""
    for change in connection.follow(run_id, seconds):
        if isinstance(change, str):
            state = change
        else:
            click.echo(f"{change.name:<20} {change.state.lower()}")
    click.echo(f"Run {run_id}: {state.lower()}")
    return 0 if state == "SUCCEEDED" else 1
