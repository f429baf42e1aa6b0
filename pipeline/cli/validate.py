"""`tfx-contrastive validate`."""

import click

from components.image_example_gen import SourceInspection, inspect_source, require_enough_labels
from components.image_example_gen.records import EVAL, TEST
from pipeline.cli import ending, options
from pipeline.runners import supervisor


@click.command("validate")
@options.config_options
def command(config_name: str | None, overrides: tuple[str, ...]) -> None:
    """Check a configuration and its data, without running anything."""
    with options.told_plainly():
        config = options.load_config(config_name, overrides)
        config.export.check_installed()
        inspection = inspect_source(config.data)
        require_enough_labels(inspection)
        supervisor.require_usable(config)
    click.echo(f"The configuration {config.name} can be used.")
    for line in describe(inspection):
        click.echo(f"  {line}")
    click.echo(f"  artifacts, metadata and pushed models go to {config.root}")


def describe(inspection: SourceInspection) -> list[str]:
    """What a source holds, a line each, then what may surprise."""
    lines = [f"{inspection.num_images:,} images, {inspection.num_labelled:,} of them labelled"]
    for split, labels in inspection.labels.items():
        counts = ", ".join(f"{name} {count:,}" for name, count in labels.items())
        lines.append(f"{split or 'split by hash'}: {counts}")
    if inspection.given_labels:
        counts = ", ".join(f"{name} {count:,}" for name, count in inspection.given_labels.items())
        lines.append(f"labels files: {counts}")
    if inspection.passed_over:
        lines.append(f"passed over, by their names: {ending.counts_text(inspection.passed_over)}")
    if not inspection.has_labels:
        lines.append("no image has a label: the run ends with an encoder, there is no classifier to train")
    lines += [f"warning: {text}" for text in inspection.warnings]
    for split in (EVAL, TEST):
        absent = sorted(
            set(inspection.class_names) - set(inspection.labels.get(split, inspection.class_names))
        )
        if absent:
            lines.append(f"warning: {ending.absent_text(split, absent)}")
    return lines
