"""Options that sub-commands share, the configuration they mean, and how a user's mistakes are told."""

import contextlib
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import click

from tfx_contrastive.contract.errors import ContrastiveError, NotFoundError
from tfx_contrastive.pipeline import config as configuration
from tfx_contrastive.pipeline.cli import chatter, invocation
from tfx_contrastive.pipeline.config import PipelineConfig
from tfx_contrastive.pipeline.config.finding import only_configuration
from tfx_contrastive.pipeline.config.loading import bundled_configs

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
        metavar="FILE|NAME",
        help="A YAML file, or the name of a configuration that comes with the package. "
        "Default: the one configuration in this folder.",
    )(command)


def load_config(name_or_path: str | None, overrides: Sequence[str]) -> PipelineConfig:
    """Reads the configuration that was named, or the one that this folder holds, and says which it took.

    Raises:
        ConfigError: If it can't be used, or none was named and the folder holds none or several.
    """
    taken = invocation.config_taken()  # by this very call, earlier: it has been told already
    if taken is None:
        taken = name_or_path or only_configuration(pathlib.Path()).name
        if name_or_path is None:
            click.echo(f"Configuration: {taken}, the only one in this folder.", err=True)
        elif taken in bundled_configs():
            _tell_of_namesakes(taken)
    invocation.remember_config(taken)
    return configuration.load_config(taken, overrides)


def _tell_of_namesakes(name: str) -> None:
    """A file of the folder that has the name of a bundled configuration may be the one that is meant."""
    for path in (name, f"{name}.yaml", f"{name}.yml"):
        if pathlib.Path(path).is_file():
            other = path if path != name else f"./{path}"
            click.echo(
                f"Configuration: {name} as it comes with the package; for the file of this folder write "
                f"--config {other}.",
                err=True,
            )


def require_writable(path: pathlib.Path, option: str) -> None:
    """Checks a place for a result before the work begins that makes it.

    Args:
        path: A file or directory, there or not.
        option: That names another one, such as `--out`.

    Raises:
        click.ClickException: If nothing can be written there.
    """
    existing = next(each for each in (path.absolute(), *path.absolute().parents) if os.path.lexists(each))
    if existing != path.absolute() and not existing.is_dir():
        cause = f"{existing} is no directory"
    elif os.access(existing, os.W_OK | (os.X_OK if existing.is_dir() else 0)):
        return
    else:
        cause = f"this user may not write to {existing}"
    raise click.ClickException(f"{path} can't be written: {cause}. Name another place with {option}.")


@contextlib.contextmanager
def told_plainly(quiet: bool = True) -> Iterator[None]:
    """Print the text of this project's own errors alone, without a traceback, and exit with status 1.

    Any other exception is a bug and goes through to the entry point, which says so.

    Args:
        quiet: Hide what libraries print while they load. Everything else that is written to the error stream
            is held back until the end, so this is not for work that takes minutes.
    """
    try:
        with chatter.without_chatter() if quiet else contextlib.nullcontext():
            yield
    except NotFoundError as error:
        remedy = f" {invocation.command(error.remedy)}" if error.remedy else ""
        raise click.ClickException(error.told + remedy) from error
    except ContrastiveError as error:
        raise click.ClickException(str(error)) from error
