"""Options and look-ups that `search`, `serve` and `drift` share."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import click

from pipeline.cli.chatter import without_chatter
from pipeline.config import PipelineConfig
from pipeline.lineage import Lineage
from pipeline.metadata import reading_config

Command = TypeVar("Command", bound=Callable[..., Any])


def search_options(command: Command) -> Command:
    """`--index` and `--model`."""
    command = click.option(
        "--model",
        "model_dir",
        default="",
        metavar="DIR",
        help="A SavedModel with the same encoder. Default: the model that the index was made with.",
    )(command)
    return click.option(
        "--index",
        "index_uri",
        default="",
        metavar="DIR",
        help="A SimilarityIndex artifact. Default: that of the newest run which made one.",
    )(command)


def newest_output(config: PipelineConfig, node_id: str, key: str) -> str:
    """URI of what a node has made in the newest run in which it did.

    Raises:
        LookupError: If no run has.
    """
    for run in Lineage(reading_config(config), config.name).runs():
        node = run.node(node_id)
        if node is not None and node.state in ("ran", "cached") and node.outputs.get(key):
            return node.output(key).uri
    raise LookupError(
        f"No run of {config.name} has an output {key!r} of {node_id} yet. Run `tfx-contrastive run` first."
    )


@contextlib.contextmanager
def mistakes_told() -> Iterator[None]:
    """Turns errors that explain themselves into one message; keeps libraries' chatter from the user."""
    try:
        with without_chatter():
            yield
    except ValueError as error:
        raise click.ClickException(str(error)) from error
