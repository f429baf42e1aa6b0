"""The options that several sub-commands share, and how errors are shown."""

import contextlib
import dataclasses
import functools
import math
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
    """Add the options `--config` and `--set`."""
    command = click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Override one value of the configuration, such as pretrain.num_steps=200. Can be repeated.",
    )(command)
    return click.option(
        "--config",
        "config_name",
        metavar="FILE|NAME",
        show_default="the only configuration in this folder",
        help="Path of a YAML file, or name of a bundled configuration (digits, fashion_mnist).",
    )(command)


class _IntegerRange(click.IntRange):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(_out_of_range(value, "an integer", self.min, self.max), param, ctx)


class _NumberRange(click.FloatRange):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            number = super().convert(value, param, ctx)
        except click.BadParameter:
            number = math.nan
        if math.isnan(number):  # NaN passes click's own comparison with the limits
            self.fail(_out_of_range(value, "a number", self.min, self.max), param, ctx)
        return number


def _out_of_range(value: Any, kind: str, least: float | None, most: float | None) -> str:
    limits = f"of at least {least}" if most is None else f"from {least} to {most}"
    return f"received {value}, expected {kind} {limits}; leave the option out for the default."


def integer_option(
    *names: str, default: int, help: str, least: int = 0, most: int | None = None
) -> Callable[[Command], Command]:
    """Add an option that takes an integer between two limits."""
    kind = _IntegerRange(least, most)
    return click.option(*names, default=default, show_default=True, type=kind, metavar="N", help=help)


def number_option(
    *names: str, default: float, help: str, metavar: str, least: float, most: float
) -> Callable[[Command], Command]:
    """Add an option that takes a number between two limits."""
    kind = _NumberRange(least, most)
    return click.option(*names, default=default, show_default=True, type=kind, metavar=metavar, help=help)


def file_option(
    *names: str, help: str, default: str | None = None, described: str | bool = True
) -> Callable[[Command], Command]:
    """Add an option that takes the path of a file to write; `described` replaces the default in the help."""
    kind = click.Path(dir_okay=False, path_type=pathlib.Path)
    return click.option(*names, default=default, show_default=described, type=kind, metavar="FILE", help=help)


def load_config(name_or_path: str | None, overrides: Sequence[str]) -> PipelineConfig:
    """Read the named configuration, or the only one in this folder, and print which one it is.

    Raises:
        ConfigError: If it can't be used, or if none is named and the folder has none or several.
    """
    taken = invocation.config_taken()  # set if this call has read it before, and printed its name
    if taken is None:
        taken = name_or_path or only_configuration(pathlib.Path()).name
        if name_or_path is None:
            click.echo(f"Configuration: {taken}, the only one in this folder.", err=True)
        elif taken in bundled_configs():
            _tell_of_namesakes(taken)
    invocation.remember_config(taken)
    return configuration.load_config(taken, overrides)


def _tell_of_namesakes(name: str) -> None:
    """Point out a file in this folder that has the same name as a bundled configuration."""
    for path in (name, f"{name}.yaml", f"{name}.yml"):
        if pathlib.Path(path).is_file():
            other = path if path != name else f"./{path}"
            click.echo(
                f"Configuration: {name} as it comes with the package; for the file of this folder write "
                f"--config {other}.",
                err=True,
            )


def require_writable(path: pathlib.Path, option: str) -> None:
    """Check that a result can be written before the work for it begins.

    Args:
        path: A file or directory, which need not exist.
        option: The option that sets another path, such as `--out`.

    Raises:
        click.ClickException: If nothing can be written there.
    """
    existing = next(each for each in (path.absolute(), *path.absolute().parents) if os.path.lexists(each))
    if existing != path.absolute() and not existing.is_dir():
        cause = f"{existing} is not a directory"
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
    """The model that the user asked for; None and empty values if no option was given.

    Attributes:
        version: Number or alias of a version in the registry.
        run: Id of a run, or `latest`.
        directories: Name of a parameter -> the directory that was given for it.
    """

    version: str | None
    run: str | None
    directories: dict[str, str]

    @property
    def is_champion(self) -> bool:
        """Return whether no model was named, so that the champion is meant."""
        return not (self.version or self.run or self.directories)

    def choose(
        self, config_name: str | None, overrides: tuple[str, ...], needs: Collection[str]
    ) -> ModelChoice:
        """Return the model and the artifacts that were made with it; see `model_choice.choose`."""
        return choose(load_config(config_name, overrides), needs, self.version, self.run)


def model_options(*directories: str) -> Callable[[Command], Command]:
    """Add `--version` and `--run`, which exclude each other and the options that name a directory.

    Args:
        *directories: Names of the parameters of the command that take a directory.

    Returns:
        A decorator. The command gets one parameter `wanted` in place of all these options.
    """

    def decorate(command: Command) -> Command:
        @click.option(
            "--version",
            metavar="VERSION",
            show_default="champion",
            help="Use this version of the model registry: a number, champion or challenger.",
        )
        @click.option(
            "--run",
            metavar="RUN",
            help="Use the model of this run, blessed or not; `latest` is the newest run.",
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
                    f"Received {' and '.join(named)}, each of which names a model. Give only one of them."
                )
            return command(wanted=wanted, **parameters)

        return decorated  # type: ignore[return-value]

    return decorate


def search_options(command: Command) -> Command:
    """Add `--index`, `--model` and the options of `model_options`; the command gets a parameter `wanted`."""
    command = model_options("index_uri", "model_dir")(command)
    command = click.option(
        "--model",
        "model_dir",
        default="",
        metavar="DIR",
        show_default="the model that made the index",
        help="Embed images with this SavedModel, which must have the same encoder as the index.",
    )(command)
    return click.option(
        "--index",
        "index_uri",
        default="",
        metavar="DIR",
        show_default="the index of the model",
        help="Search this SimilarityIndex artifact.",
    )(command)


def searched(wanted: Wanted, config_name: str | None, overrides: tuple[str, ...]) -> ModelChoice:
    """Return the model to search with and its index; with `--index` the configuration is not read.

    Raises:
        NotFoundError: If the model or the index does not exist.
    """
    index_uri, model_dir = (wanted.directories.get(name, "") for name in ("index_uri", "model_dir"))
    if index_uri:
        return ModelChoice(None, False, None, (), "", model_dir, {INDEX: index_uri}, model_dir or index_uri)
    choice = wanted.choose(config_name, overrides, (INDEX,))
    if not model_dir:
        return choice
    return ModelChoice(None, False, None, (), "", model_dir, choice.made, model_dir)
