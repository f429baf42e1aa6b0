"""Options and look-ups that `search`, `serve`, `suggest` and `drift` share."""

import dataclasses
import functools
from collections.abc import Callable, Collection
from typing import Any, TypeVar

import click

from tfx_contrastive.pipeline.cli import options
from tfx_contrastive.pipeline.runs.model_choice import INDEX, ModelChoice, choose

Command = TypeVar("Command", bound=Callable[..., Any])


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
        return choose(options.load_config(config_name, overrides), needs, self.version, self.run)


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
