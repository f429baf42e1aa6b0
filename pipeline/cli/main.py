"""Entry of the `tfx-contrastive` command. Sub-commands load when they are called."""

import contextlib
import difflib
import importlib
import os
import shlex
import sys
import tempfile
import traceback

import click

from tfx_contrastive import __version__
from tfx_contrastive.contract.errors import ContrastiveError
from tfx_contrastive.pipeline.cli import terminal

# Set to any text: the traceback of a bug goes to the error stream in place of a file.
DEBUG_VARIABLE = "TFX_CONTRASTIVE_DEBUG"

_PACKAGE = "tfx_contrastive.pipeline.cli"

# name -> (module below pipeline.cli and its function, one line of help)
COMMANDS = {
    "run": ("run:command", "Run the pipeline: real images and few labels to a blessed, pushed model."),
    "validate": ("preview:validate_command", "Check a configuration and its data, without running anything."),
    "views": (
        "preview:views_command",
        "Draw what augmentation makes of your images, before training on them.",
    ),
    "status": ("history:status_command", "Show what ran, what is blessed and what is pushed."),
    "compile": (
        "kubeflow:compile_command",
        "Compile the pipeline for Kubeflow Pipelines or Vertex AI Pipelines.",
    ),
    "submit": ("kubeflow:submit_command", "Run or schedule a compiled pipeline on Kubeflow Pipelines."),
    "report": ("history:report_command", "Write the report of a run: one HTML file that works offline."),
    "runs": ("history:runs_command", "List the runs of a pipeline."),
    "show": ("history:show_command", "Show one run: every node with its inputs and outputs."),
    "artifacts": (
        "history:artifacts_command",
        "List artifacts: which node made them, in which run, and where they are.",
    ),
    "models": ("models:command", "List, show, promote, roll back and compare registered models."),
    "search": ("search:search_command", "Find the images that look most like a given one."),
    "serve": ("search:serve_command", "Answer search and classification over HTTP."),
    "suggest": ("suggest:command", "List the images to label next, or the labels that are probably wrong."),
    "drift": ("drift:command", "Compare new images with the training data; decide on retraining."),
}


class LazyGroup(click.Group):
    """A group that imports a sub-command only when it is called, so that --help answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Names in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Imports the module of a sub-command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, function = COMMANDS[cmd_name][0].partition(":")
        found: click.Command = getattr(importlib.import_module(f"{_PACKAGE}.{module}"), function)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Adds what was probably meant to the error about an unknown sub-command."""
        near = difflib.get_close_matches(args[0], COMMANDS, n=1)
        if args[0] not in COMMANDS and near:
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Lists sub-commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, package_name="tfx-contrastive")
def cli() -> None:
    """Image classifiers from few labels: contrastive pretraining as a TFX pipeline."""


def main() -> None:
    """Runs the command and ends with its status; a user's mistake ends with one message and status 1 or 2."""
    terminal.make_usable()
    _have_a_home()
    try:
        status = cli.main(standalone_mode=False)  # click returns the status of `Context.exit`, it raises none
        sys.stdout.flush()
        sys.exit(status if isinstance(status, int) else 0)
    except click.ClickException as error:
        with terminal.telling():
            error.show()
        sys.exit(error.exit_code)
    except ContrastiveError as error:
        terminal.tell(f"Error: {error}")
        sys.exit(terminal.FAILED)
    except (click.Abort, KeyboardInterrupt):
        terminal.tell("\nInterrupted.")
        sys.exit(terminal.INTERRUPTED)
    except Exception as error:
        lost = terminal.lost_output(error)
        if told := _unexpected(error) if lost is None else lost:
            terminal.tell(f"Error: {told}")
        sys.exit(terminal.FAILED)


def _have_a_home() -> None:
    """Sets HOME where neither it nor the uid tells a home, as in containers: MLflow needs one at import."""
    if os.path.expanduser("~") == "~":
        os.environ["HOME"] = os.path.join(tempfile.gettempdir(), f"tfx-contrastive-{os.getuid()}")


def _has_a_place() -> bool:
    """Whether the current folder is still there."""
    try:
        return bool(os.getcwd())
    except OSError:
        return False


def _unexpected(error: Exception) -> str:
    """Write the traceback of an error that is none of ours, and return the one line that the user sees."""
    if isinstance(error, FileNotFoundError) and not _has_a_place():
        return "the folder that this command runs in was deleted; change to another one."
    place = _write_traceback(error)
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}. (Traceback: {place})"
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return (
        f"this is a bug in tfx-contrastive, not a mistake of yours: {text[:300]}. Please report it together "
        f"with {place}"
    )


def _write_traceback(error: Exception) -> str:
    """Write the command, the versions and the traceback to a new file, and return its path.

    Returns:
        The path, or `the traceback above` where it went to the error stream: because `DEBUG_VARIABLE` is set,
        or because no file can be written.
    """
    versions = f"tfx-contrastive {__version__}, Python {sys.version}"
    if not os.environ.get(DEBUG_VARIABLE):
        with contextlib.suppress(OSError):
            handle, path = tempfile.mkstemp(prefix="tfx-contrastive-error-", suffix=".log")
            with open(handle, "w", encoding="utf-8", errors="backslashreplace") as log:
                log.write(f"{shlex.join(sys.argv)}\n{versions}\n")
                traceback.print_exception(error, file=log)
            return path
    with terminal.telling():
        traceback.print_exception(error)
    return "the traceback above"


if __name__ == "__main__":
    main()
