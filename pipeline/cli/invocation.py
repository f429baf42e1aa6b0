"""Commands that the user can copy: they name the configuration of this call and run as they stand."""

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
    """Keeps the configuration that this call has taken, for the commands that it prints."""
    context = click.get_current_context(silent=True)
    if context is not None:
        context.find_root().meta[_CONFIG_TAKEN] = name


def config_taken() -> str | None:
    """The configuration that this call has taken; None if it hasn't yet."""
    context = click.get_current_context(silent=True)
    return None if context is None else context.find_root().meta.get(_CONFIG_TAKEN)


def command(name: str, *arguments: str, replaced: str = "") -> str:
    """A command of this program, quoted for a shell, with the --config and --set of this call.

    Args:
        name: The sub-command, such as `run` or `models list`.
        *arguments: Of its own, behind --config and --set.
        replaced: A key whose --set is left out, since the arguments set it anew.
    """
    return f"{program(PROGRAM)} {shlex.join([*name.split(), *options(replaced), *arguments])}"


def options(replaced: str = "") -> list[str]:
    """The --config and --set of this call, word by word, but for a key that is set anew."""
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
    """A command with the options of an earlier call, which may have been made in another folder.

    Args:
        name: The sub-command.
        words: `options` of that call.
        folder: Where it was made.
    """
    if pathlib.Path(folder) == pathlib.Path.cwd():
        return f"{program(PROGRAM)} {shlex.join([name, *words])}"
    return f"cd {shlex.quote(folder)} && {program(PROGRAM, folder)} {shlex.join([name, *words])}"


def program(name: str, folder: str | None = None) -> str:
    """How a program of this environment is called, quoted for a shell.

    Its name alone where the shell would find that very program, else the path of it.

    Args:
        name: Of the program.
        folder: Where it is called; None: in the current folder.
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
    """Where this environment's programs are: as the user wrote it, then that of the interpreter.

    The first may hold but a link to this program, as tools make it that install programs.
    """
    called = pathlib.Path(sys.argv[0])
    own = [called.parent] if called.name == PROGRAM and called.exists() else []
    return [*own, pathlib.Path(sys.executable).parent]
