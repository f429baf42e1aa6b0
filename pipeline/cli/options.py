"""Options that sub-commands share, and how a user's mistakes are told."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import click

from components.image_example_gen import DataError
from components.registry.interface import RegistryError
from pipeline.config import ConfigError
from pipeline.config.loading import DEFAULT_CONFIG
from pipeline.runners.supervisor import RunError
from trainer_module.config import MissingPackageError

Command = TypeVar("Command", bound=Callable[..., Any])


def config_options(command: Command) -> Command:
    """`--config` and `--set`."""
    command = click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Override one value, for example --set pretrain.num_steps=200. Can be given many times.",
    )(command)
    return click.option(
        "--config",
        "config_name",
        default=DEFAULT_CONFIG,
        show_default=True,
        metavar="NAME|FILE",
        help="A configuration that comes with the package, or a YAML file.",
    )(command)


@contextlib.contextmanager
def told_plainly() -> Iterator[None]:
    """Turns the errors that explain themselves into one message without a traceback."""
    try:
        yield
    except (ConfigError, DataError, RegistryError, RunError, MissingPackageError, LookupError) as error:
        text = error.args[0] if error.args else str(error)
        raise click.ClickException(str(text)) from error
