"""Options that commands share: places for results, numbers in a range, one model at most."""

import pathlib
from typing import Any

import click
import pytest
from click.testing import CliRunner

from tfx_contrastive.contract.errors import DataError, NotFoundError
from tfx_contrastive.pipeline.cli import options
from tfx_contrastive.pipeline.cli.main import cli


def test_a_place_that_can_be_written_is_taken_and_left_alone(tmp_path: pathlib.Path) -> None:
    options.require_writable(tmp_path / "new" / "deep" / "picture.png", "--out")
    assert list(tmp_path.iterdir()) == []


def test_a_place_below_a_file_is_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(click.ClickException, match="file/picture.png can't be written: .*file is not a dir"):
        options.require_writable(tmp_path / "file" / "picture.png", "--out")


@pytest.mark.parametrize(("given", "status"), [("1", 0), ("9", 0), ("0", 2), ("10", 2), ("1.5", 2), ("x", 2)])
def test_a_number_lies_between_its_limits(given: str, status: int) -> None:
    @click.command()
    @options.integer_option("--n", default=5, least=1, most=9, help="Number of images.")
    def command(n: int) -> None:
        click.echo(n)

    done = CliRunner().invoke(command, ["--n", given])
    assert done.exit_code == status
    assert done.output == f"{given}\n" or "Invalid value for '--n'" in done.output
    assert (
        "--n N   Number of images.  [default: 5; 1<=x<=9]" in CliRunner().invoke(command, ["--help"]).output
    )


def numeric_options() -> list[Any]:
    """Return (command, option) of every option of every command that takes a number."""
    context = click.Context(cli)
    commands = {name: cli.get_command(context, name) for name in cli.list_commands(context)}
    commands |= {
        f"{name} {inner}": command
        for name, group in commands.items()
        if isinstance(group, click.Group)
        for inner, command in group.commands.items()
    }
    numbers = (click.types.IntParamType, click.types.FloatParamType)
    return [
        pytest.param(name.split(), option, id=f"{name} {option.opts[0]}")
        for name, command in commands.items()
        if command is not None
        for option in command.params
        if isinstance(option.type, numbers) and isinstance(option, click.Option) and not option.count
    ]


@pytest.mark.parametrize(("command", "option"), numeric_options())
def test_no_command_takes_a_number_below_its_least_one(command: list[str], option: click.Option) -> None:
    for given in ("-1", "nan", "-inf", "1e400"):
        done = CliRunner().invoke(cli, [*command, f"{option.opts[0]}={given}"])
        assert done.exit_code == 2, done.output
        told = f"Error: Invalid value for '{option.opts[0]}': received {given}, expected a"
        assert told in " ".join(done.output.split())
        assert done.output.endswith("leave the option out for the default.\n")


def test_the_time_between_two_requests_is_not_zero(tmp_path: pathlib.Path) -> None:
    (tmp_path / "pipeline.yaml").touch()
    done = CliRunner().invoke(
        cli, ["submit", str(tmp_path / "pipeline.yaml"), "--host=http://h", "--poll-seconds=0"]
    )
    assert done.exit_code == 2
    assert (
        "Invalid value for '--poll-seconds': received 0, expected a number from 0.1 to 86400; "
        "leave the option out for the default." in done.output
    )


@click.command()
@options.model_options("index_uri")
@click.option("--index", "index_uri", default="")
def model_command(wanted: options.Wanted) -> None:
    click.echo(f"{wanted.version} {wanted.run} {wanted.directories} {wanted.is_champion}")


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        ([], "None None {} True\n"),
        (["--version", "3"], "3 None {} False\n"),
        (["--run", "latest"], "None latest {} False\n"),
        (["--index", "/i"], "None None {'index_uri': '/i'} False\n"),
    ],
)
def test_one_model_at_most_is_named(arguments: list[str], output: str) -> None:
    assert CliRunner().invoke(model_command, arguments).output == output


@pytest.mark.parametrize("arguments", [["--version", "3", "--run", "r"], ["--run", "r", "--index", "/i"]])
def test_two_models_are_refused(arguments: list[str]) -> None:
    done = CliRunner().invoke(model_command, arguments)
    assert done.exit_code == 2
    assert f"Received {arguments[0]} and {arguments[2]}, each of which names a model." in done.output


@pytest.mark.parametrize(
    ("error", "text"),
    [(DataError("Received nothing."), "Received nothing."), (NotFoundError("No run."), "No run.")],
)
def test_our_own_errors_are_told_alone(error: Exception, text: str) -> None:
    with pytest.raises(click.ClickException) as told, options.told_plainly(quiet=False):
        raise error
    assert told.value.message == text


@pytest.mark.parametrize("error", [KeyError("lost"), ValueError("bad"), LookupError("x"), RuntimeError("y")])
def test_any_other_error_goes_through(error: Any) -> None:
    with pytest.raises(type(error)) as told, options.told_plainly(quiet=False):
        raise error
    assert told.value is error
