"""Options that sub-commands share, the configuration they mean, and how a user's mistakes are told."""

import contextlib
import dataclasses
import functools
import os
import pathlib
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, TypeVar

import click

from tfx_contrastive.contract.errors import ContrastiveError, NotFoundError
from tfx_contrastive.pipeline import config as configuration
from tfx_contrastive.pipeline.cli import invocation, terminal
from tfx_contrastive.pipeline.config import PipelineConfig
from tfx_contrastive.pipeline.config.loading import bundled_configs, only_configuration
from tfx_contrastive.pipeline.runs.model_choice import INDEX, ModelChoice, choose

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
        with terminal.without_chatter() if quiet else contextlib.nullcontext():
            yield
    except NotFoundError as error:
        remedy = f" {invocation.command(error.remedy)}" if error.remedy else ""
        raise click.ClickException(error.told + remedy) from error
    except ContrastiveError as error:
        raise click.ClickException(str(error)) from error


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Which model the user asked for; empty and None where nothing was said.

    Attributes:
        version: A number or an alias of the registry.
        run: A run's id, or `latest`.
        directories: Artifacts and models that were named, by option.
    """

    version: str | None
    run: str | None
    directories: dict[str, str]

    @property
    def is_champion(self) -> bool:
        """Whether it is the champion, whoever that is: nothing else was named."""
        return not (self.version or self.run or self.directories)

    def choose(
        self, config_name: str | None, overrides: tuple[str, ...], needs: Collection[str]
    ) -> ModelChoice:
        """The model and what was made from it; see `model_choice.choose`."""
        return choose(load_config(config_name, overrides), needs, self.version, self.run)


def model_options(*directories: str) -> Callable[[Command], Command]:
    """`--version` and `--run`, which exclude each other and the options that name a directory.

    Args:
        *directories: Names of the command's own parameters that take a directory.

    Returns:
        A decorator; the command gets one parameter `wanted` in their place.
    """

    def decorate(command: Command) -> Command:
        @click.option(
            "--version",
            metavar="N",
            help="A version of the registry, such as 3 or challenger. Default: the champion.",
        )
        @click.option(
            "--run", metavar="RUN", help="The model of a run, blessed or not; latest is the newest."
        )
        @functools.wraps(command)
        def decorated(version: str | None, run: str | None, **parameters: Any) -> Any:
            given = {name: parameters.pop(name) for name in directories}
            wanted = Wanted(version, run, {name: path for name, path in given.items() if path})
            named = [
                *(["--version"] if version is not None else []),
                *(["--run"] if run is not None else []),
                *(f"--{name.partition('_')[0]}" for name in wanted.directories),
            ]
            if len(named) > 1 and (version is not None or run is not None):
                raise click.UsageError(
                    f"Received {' and '.join(named)}, which each name a model; give one of them."
                )
            return command(wanted=wanted, **parameters)

        return decorated  # type: ignore[return-value]

    return decorate


def search_options(command: Command) -> Command:
    """`--index` and `--model`, and those of `model_options`; the command gets a parameter `wanted`."""
    command = model_options("index_uri", "model_dir")(command)
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
        help="A SimilarityIndex artifact. Default: that of the champion.",
    )(command)


def searched(wanted: Wanted, config_name: str | None, overrides: tuple[str, ...]) -> ModelChoice:
    """The model to search with, and its index; where one was named, the configuration is not read.

    Raises:
        NotFoundError: If it isn't there.
    """
    index_uri, model_dir = (wanted.directories.get(name, "") for name in ("index_uri", "model_dir"))
    if index_uri:
        return ModelChoice(None, False, None, (), "", model_dir, {INDEX: index_uri}, model_dir or index_uri)
    choice = wanted.choose(config_name, overrides, (INDEX,))
    if not model_dir:
        return choice
    return ModelChoice(None, False, None, (), "", model_dir, choice.made, model_dir)
