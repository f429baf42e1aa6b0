"""`tfx-contrastive compile`."""

import importlib.util
import os
import pathlib
from typing import Literal

import click

from tfx_contrastive.components.image_example_gen import inspect_source
from tfx_contrastive.pipeline.cli import chatter, options
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
    help="Open-source Kubeflow Pipelines v2, or Vertex AI Pipelines.",
)
@click.option("--out", metavar="FILE", help="[default: pipeline.yaml, pipeline.json for vertex]")
@click.option(
    "--inspect/--no-inspect",
    default=True,
    show_default=True,
    help="Look at the data from here; without it, images have labels unless --unlabelled says otherwise.",
)
@click.option("--unlabelled", is_flag=True, help="No image has a label; where data isn't inspected.")
def command(
    config_name: str | None,
    overrides: tuple[str, ...],
    target: Literal["kubeflow", "vertex"],
    out: str | None,
    inspect: bool,
    unlabelled: bool,
) -> None:
    """Compile the pipeline for Kubeflow Pipelines; needs neither cluster nor credentials."""
    require_kfp()
    if inspect and unlabelled:
        raise click.UsageError("--unlabelled goes with --no-inspect.")
    out = out or DEFAULT_NAMES[target]
    options.require_writable(pathlib.Path(out), "--out")
    with options.told_plainly():
        config = options.load_config(config_name, overrides)
        source = source_of(config, inspect_source(config.data)) if inspect else Source("", not unlabelled)
        compile_to(config, source, target, out)
    click.echo(f"Compiled {config.name} for {target}: {out}")


def compile_to(
    config: PipelineConfig, source: Source, target: Literal["kubeflow", "vertex"], out: str
) -> None:
    """Compiles into a file, with the libraries' chatter kept off the terminal."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere, chatter.native_stderr_to(nowhere):
        from tfx_contrastive.pipeline.runners.kubeflow import compiler

        compiled = compiler.compile_pipeline(config, source, target)
    compiler.write(compiled, out)


def require_kfp() -> None:
    """Says how to get what compiling and submitting need.

    Raises:
        click.ClickException: If `kfp` isn't installed.
    """
    if importlib.util.find_spec("kfp") is None:
        raise click.ClickException(
            "The package kfp is not installed. Install the extra that brings it: "
            "pip install 'tfx-contrastive[kubeflow]'."
        )
