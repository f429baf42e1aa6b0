"""Commands for the user to copy: they repeat the --config and --set of this call."""

import os
import pathlib
import shlex
import shutil
import sys
from collections.abc import Sequence

import click

PROGRAM = "tfx-contrastive"
_CONFIG_TAKEN = (
    "tfx_contrastive.pipeline.cli.config_taken"  # key in click's context: the configuration that was found
)


def remember_config(name: str) -> None:
    """Remember the configuration of this call for the commands that it prints."""
    context = click.get_current_context(silent=True)
    if context is not None:
        context.find_root().meta[_CONFIG_TAKEN] = name


def config_taken() -> str | None:
    """Return the name of the configuration of this call; None if none was read so far."""
    context = click.get_current_context(silent=True)
    return None if context is None else context.find_root().meta.get(_CONFIG_TAKEN)


def command(name: str, *arguments: str, replaced: str = "") -> str:
    """Return a command of this program, quoted for a shell, with the --config and --set of this call.

    Args:
        name: The sub-command, such as `run` or `models list`.
        *arguments: Further arguments, placed after --config and --set.
        replaced: Key of a --set that is left out because the arguments set it.
    """
    return f"{program(PROGRAM)} {shlex.join([*name.split(), *options(replaced), *arguments])}"


def options(replaced: str = "") -> list[str]:
    """Return the --config and --set of this call as a list of words, without the --set of one key."""
    context = click.get_current_context(silent=True)
    if context is None:
        return []
    config = config_taken() or context.params.get("config_name")
    words = ["--config", str(config)] if config else []
    for override in context.params.get("overrides", ()):
        if not replaced or override.partition("=")[0] != replaced:
            words += ["--set", override]
    return words


def command_of(name: str, words: Sequence[str], folder: str) -> str:
    """Return a command with the options of an earlier call, also if that call was made in another folder.

    Args:
        name: The sub-command.
        words: The `options` of that call.
        folder: The folder where that call was made.
    """
    if pathlib.Path(folder) == pathlib.Path.cwd():
        return f"{program(PROGRAM)} {shlex.join([name, *words])}"
    return f"cd {shlex.quote(folder)} && {program(PROGRAM, folder)} {shlex.join([name, *words])}"


def program(name: str, folder: str | None = None) -> str:
    """Return how to call a program of this environment, quoted for a shell.

    This is the name if the shell finds the program by its name, else its path.

    Args:
        name: Name of the program.
        folder: Folder from which it is called; None means the current folder.
    """
    path = next((folder / name for folder in _folders() if (folder / name).exists()), None)
    found = shutil.which(name)
    if path is None or (found and os.path.samefile(found, path)):
        return name
    here = pathlib.Path.cwd()
    if folder is not None and not path.is_absolute():
        path = here / path
    here = pathlib.Path(folder) if folder is not None else here
    if path.is_absolute() and path.is_relative_to(here):
        path = path.relative_to(here)
    text = str(path)
    return shlex.quote(text if os.sep in text else f".{os.sep}{text}")


def _folders() -> list[pathlib.Path]:
    """Return the folders that hold this environment's programs: first that of this program, as it was called.

    The second one is that of the Python interpreter.

    The first one may contain only a link to this program, as tools that install programs make it.
    """
    called = pathlib.Path(sys.argv[0])
    own = [called.parent] if called.name == PROGRAM and called.exists() else []
    return [*own, pathlib.Path(sys.executable).parent]
