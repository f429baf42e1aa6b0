"""`--help` of every command: complete, in one manner, and fast."""

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from tfx_contrastive.pipeline.cli.main import COMMANDS, cli


def all_commands() -> Iterator[tuple[str, click.Command]]:
    """Yield every command, those of `models` too, with its words."""
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {below}", each) for below, each in command.commands.items())


ALL = dict(all_commands())
OPTIONS = [
    (name, option)
    for name, command in ALL.items()
    for option in command.params
    if isinstance(option, click.Option)
]


@pytest.mark.parametrize(("name", "option"), OPTIONS, ids=[f"{n} {o.opts[0]}" for n, o in OPTIONS])
def test_every_option_is_explained_in_a_sentence(name: str, option: click.Option) -> None:
    assert option.help, f"{name} {option.opts[0]} has no help"
    assert option.help[0].isupper()
    assert option.help.endswith(".")
    assert "default" not in option.help.lower()  # click shows defaults, in one manner


@pytest.mark.parametrize(("name", "option"), OPTIONS, ids=[f"{n} {o.opts[0]}" for n, o in OPTIONS])
def test_every_option_with_a_value_names_it(name: str, option: click.Option) -> None:
    if not option.is_flag and not isinstance(option.type, click.Choice):
        assert option.metavar, f"{name} {option.opts[0]}"
        assert option.metavar.isupper() or "|" in option.metavar
        if isinstance(option.default, str | int | float) and option.default != "":
            assert option.show_default


@pytest.mark.parametrize("name", ALL)
def test_every_command_begins_with_a_verb_and_ends_with_a_period(name: str) -> None:
    text = ALL[name].help or ""
    first = text.split("\n\n")[0]
    assert first.endswith(".")
    assert first.split()[0] in {
        "Check",
        "Compile",
        "Draw",
        "Find",
        "List",
        "List,",
        "Make",
        "Run",
        "Serve",
        "Show",
        "Test",
        "Write",
    }


@pytest.mark.parametrize("name", [name for name in ALL if name not in ("submit", "models")])
def test_all_but_submit_take_a_configuration(name: str) -> None:
    assert {"config_name", "overrides"} <= {each.name for each in ALL[name].params}


def test_submit_takes_a_compiled_file_instead() -> None:
    assert not {"config_name", "overrides"} & {each.name for each in ALL["submit"].params}
    assert "compiled_file" in {each.name for each in ALL["submit"].params}


def test_help_of_the_program_imports_no_library() -> None:
    script = (
        "import sys; from tfx_contrastive.pipeline.cli.main import cli; "
        "cli.main(['--help'], standalone_mode=False); "
        "print([name for name in ('tensorflow', 'tfx', 'numpy', 'pydantic', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert [name for name in COMMANDS if f"  {name} " not in done.stdout] == []
