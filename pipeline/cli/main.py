"""The entry point of the `tfx-contrastive` program. A sub-command is imported when it is called."""

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
    "run": ("run:command", "Run the pipeline, from images and a few labels to a registered model."),
    "validate": (
        "preview:validate_command",
        "Check a configuration and its data without running the pipeline.",
    ),
    "views": (
        "preview:views_command",
        "Draw the augmented views of some of your images.",
    ),
    "status": (
        "history:status_command",
        "Show the newest run, its verdict and the model that was pushed last.",
    ),
    "compile": (
        "kubeflow:compile_command",
        "Compile the pipeline for Kubeflow Pipelines or Vertex AI Pipelines.",
    ),
    "submit": ("kubeflow:submit_command", "Run or schedule a compiled pipeline on Kubeflow Pipelines."),
    "report": ("history:report_command", "Write the report of a run as one HTML file that works offline."),
    "runs": ("history:runs_command", "List the runs of a pipeline."),
    "show": ("history:show_command", "Show one run, with the inputs and outputs of each node."),
    "artifacts": (
        "history:artifacts_command",
        "List artifacts with the node and the run that made them.",
    ),
    "models": ("models:command", "List, show, promote, roll back and compare registered models."),
    "search": ("search:search_command", "Find the images that are most similar to a given image."),
    "serve": ("search:serve_command", "Serve search and classification over HTTP."),
    "suggest": ("suggest:command", "List the images to label next, or labels that are probably wrong."),
    "drift": ("drift:command", "Test new images for drift against the training data."),
}


class LazyGroup(click.Group):
    """A group that imports a sub-command only when it is called, so that --help is fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the module of a sub-command and return the command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, function = COMMANDS[cmd_name][0].partition(":")
        found: click.Command = getattr(importlib.import_module(f"{_PACKAGE}.{module}"), function)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest the most similar name where a sub-command is unknown."""
        near = difflib.get_close_matches(args[0], COMMANDS, n=1)
        if args[0] not in COMMANDS and near:
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the sub-commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f"Set the environment variable {DEBUG_VARIABLE} to print the traceback of a bug.",
)
@click.version_option(__version__, package_name="tfx-contrastive")
def cli() -> None:
    """Image classifiers from few labels: contrastive pretraining as a TFX pipeline."""


def main() -> None:
    """Run the command and exit with its status.

    A user's mistake prints one message and exits with status 1 or 2. Any other error is a bug: the traceback
    goes to a file, and one line says so.
    """
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
    except Exception as error:  # noqa: BLE001 a bug: one line here, its traceback in a file
        lost = terminal.lost_output(error)
        if told := _unexpected(error) if lost is None else lost:
            terminal.tell(f"Error: {told}")
        sys.exit(terminal.FAILED)


def _have_a_home() -> None:
    """Set HOME if this user has no home directory, as in containers: MLflow needs one when it is imported."""
    if os.path.expanduser("~") == "~":
        os.environ["HOME"] = os.path.join(tempfile.gettempdir(), f"tfx-contrastive-{os.getuid()}")


def _has_a_place() -> bool:
    """Return whether the current folder still exists."""
    try:
        return bool(os.getcwd())
    except OSError:
        return False


def _unexpected(error: Exception) -> str:
    """Write the traceback of an unexpected error to a file, and return the one line for the screen."""
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
