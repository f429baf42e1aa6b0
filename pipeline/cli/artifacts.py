"""`tfx-contrastive artifacts`."""

import click

from tfx_contrastive.pipeline.cli import invocation, options, records
from tfx_contrastive.pipeline.runs.lineage import Lineage, Run, no_run_yet
from tfx_contrastive.pipeline.runs.metadata import reading_config


@click.command("artifacts")
@options.config_options
@click.option("--run", "run_id", help="Only artifacts that this run made or used; `latest` is the newest.")
@click.option("--type", "type_name", help="Only artifacts of this type, for example Model.")
@records.json_option
def command(
    config_name: str | None,
    overrides: tuple[str, ...],
    run_id: str | None,
    type_name: str | None,
    as_json: bool,
) -> None:
    """List artifacts: id, type, which node made it in which run, and where it is."""
    with options.told_plainly():
        config = options.load_config(config_name, overrides)
        lineage = Lineage(reading_config(config), config.name)
        runs = lineage.runs()
        wanted = None if run_id is None else lineage.run(None if run_id == "latest" else run_id)
    made = _made(runs)
    if wanted is not None:
        used = {
            artifact.id
            for node in wanted.nodes
            for artifacts in (node.inputs, node.outputs)
            for found in artifacts.values()
            for artifact in found
        }
        made = [each for each in made if each["id"] in used]
    if type_name is not None:
        made = [each for each in made if each["type"].lower() == type_name.lower()]
    if as_json:
        records.print_json(made)
        return
    if not runs:
        click.echo(f"{no_run_yet(config.name)} {invocation.command('run')}")
        return
    records.print_table(
        f"{config.name}: {len(made)} artifacts",
        ("id", "type", "node", "key", "run", "uri"),
        [
            (f"#{each['id']}", each["type"], each["node"], each["key"], each["run"], each["uri"])
            for each in made
        ],
    )


def _made(runs: tuple[Run, ...]) -> list[dict]:
    """Every artifact once, under the run that made it and not those that took it from the cache."""
    found: dict[int, dict] = {}
    for run in reversed(runs):
        for node in run.nodes:
            for key, artifacts in node.outputs.items():
                for artifact in artifacts:
                    found.setdefault(
                        artifact.id,
                        {
                            **records.artifact_values(artifact),
                            "node": node.id,
                            "key": key,
                            "run": run.id,
                            "properties": dict(artifact.properties),
                        },
                    )
    return [found[number] for number in sorted(found, reverse=True)]
