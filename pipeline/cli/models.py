"""`tfx-contrastive models`: the versions in the model registry, and which one is champion."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from tfx_contrastive.components.registry import commands
from tfx_contrastive.components.registry.interface import Event
from tfx_contrastive.pipeline.cli import options, records
from tfx_contrastive.pipeline.runs.model_choice import registry_location

Command = TypeVar("Command", bound=Callable[..., Any])


@click.group("models")
def command() -> None:
    """List, show, promote, roll back and compare the versions in the model registry."""


def _location(config_name: str | None, overrides: tuple[str, ...]) -> commands.RegistryLocation:
    return registry_location(options.load_config(config_name, overrides))


def _reason_option(required: bool) -> Callable[[Command], Command]:
    return click.option(
        "--reason",
        default="",
        required=required,
        metavar="TEXT",
        help="Reason for the change, kept in the history.",
    )


@command.command("list")
@options.config_options
@records.json_option
def list_command(config_name: str | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """List all versions, newest first, and the history of the champion."""
    with options.told_plainly():
        location = _location(config_name, overrides)
        rows, events = commands.list_models(location), commands.history(location)
    if as_json:
        records.print_json(
            {
                "versions": [dataclasses.asdict(row) for row in rows],
                "history": [dataclasses.asdict(event) for event in events],
            }
        )
        return
    if not rows:
        click.echo(f"{location.name} has no registered model yet; the first blessed run registers one.")
        return
    records.print_table(
        f"{location.name}: versions",
        ("version", "aliases", "blessed", "registered", "digest"),
        (
            (
                str(row.number),
                ", ".join(row.aliases),
                "yes" if row.blessed else "no",
                f"{row.created:%Y-%m-%d %H:%M}",
                row.digest[:12],
            )
            for row in rows
        ),
    )
    _print_history(events)


@command.command("show")
@options.config_options
@click.argument("version", default="champion")
@records.json_option
def show_command(config_name: str | None, overrides: tuple[str, ...], version: str, as_json: bool) -> None:
    """Show the model card of a version, or with --json all its recorded facts.

    VERSION is a number, champion or challenger.  [default: champion]
    """
    with options.told_plainly():
        details = commands.show_model(_location(config_name, overrides), version)
    if as_json:
        records.print_json(dataclasses.asdict(details))
        return
    row = details.row
    click.echo(
        f"version {row.number} {', '.join(row.aliases)}: {'blessed' if row.blessed else 'not blessed'}"
    )
    click.echo(f"model {details.model_dir}\n")
    click.echo(details.record.card)
    _print_history(details.history)


@command.command("promote")
@options.config_options
@click.argument("version")
@_reason_option(required=False)
@click.option("--force", is_flag=True, help="Promote a version that the gates refused; needs --reason.")
def promote_command(
    config_name: str | None, overrides: tuple[str, ...], version: str, reason: str, force: bool
) -> None:
    """Make a version the champion, in the registry and in the serving directory.

    VERSION is a number, champion or challenger.
    """
    if force and not reason:
        raise click.UsageError("--force needs --reason: write why a refused model is to be served.")
    with options.told_plainly():
        event = commands.promote_model(
            _location(config_name, overrides), version, commands.acting_user(), reason, force
        )
    _print_change(event)


@command.command("rollback")
@options.config_options
@click.option(
    "--to",
    "version",
    metavar="VERSION",
    show_default="the previous champion",
    help="Go back to this version.",
)
@_reason_option(required=False)
def rollback_command(
    config_name: str | None, overrides: tuple[str, ...], version: str | None, reason: str
) -> None:
    """Make an earlier champion the champion again, in the registry and in the serving directory."""
    with options.told_plainly():
        event = commands.rollback_model(
            _location(config_name, overrides), commands.acting_user(), reason, version
        )
    _print_change(event)


@command.command("diff")
@options.config_options
@click.argument("first")
@click.argument("second", default="champion")
@records.json_option
def diff_command(
    config_name: str | None, overrides: tuple[str, ...], first: str, second: str, as_json: bool
) -> None:
    """Show the facts in which two versions differ.

    FIRST and SECOND are numbers, champion or challenger.  [default of SECOND: champion]
    """
    with options.told_plainly():
        found = commands.diff_models(_location(config_name, overrides), first, second)
    if as_json:
        records.print_json([dataclasses.asdict(difference) for difference in found])
        return
    rows = (
        (d.fact, str(d.first), str(d.second), "" if d.change is None else f"{d.change:+.4g}") for d in found
    )
    records.print_table(f"{first} and {second}", ("fact", first, second, "change"), rows)


def _print_change(event: Event | None) -> None:
    if event is None:
        click.echo("That version is the champion already; nothing was changed.")
    else:
        click.echo(f"The champion is version {event.version}, it was {event.previous or 'none'}.")


def _print_history(events: Iterable[Event]) -> None:
    rows = (
        (
            f"{event.time:%Y-%m-%d %H:%M:%S}",
            event.actor,
            event.action + (" (forced)" if event.forced else ""),
            f"{event.previous or '–'} → {event.version}",
            event.reason,
        )
        for event in events
    )
    records.print_table("history of the champion", ("time", "who", "what", "version", "why"), rows)
