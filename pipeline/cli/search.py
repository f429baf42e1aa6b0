"""`tfx-contrastive search`."""

import dataclasses
import json
import pathlib
from collections.abc import Sequence

import click

from tfx_contrastive.consumers.search.contact_sheet import contact_sheet
from tfx_contrastive.consumers.search.search import ImageSearch, Neighbor
from tfx_contrastive.pipeline.cli import options, records, searching
from tfx_contrastive.pipeline.runs.model_choice import INDEX, ModelChoice


@click.command("search")
@click.argument(
    "images", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path)
)
@click.option("--k", default=10, show_default=True, type=click.IntRange(1, 1000), help="Neighbors an image.")
@click.option("--label", help="Only images with this label.")
@click.option(
    "--sheet",
    default=pathlib.Path("neighbors.png"),
    show_default=True,
    type=click.Path(dir_okay=False, path_type=pathlib.Path),
    help="Where the contact sheet goes.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@searching.search_options
@options.config_options
def command(
    images: tuple[pathlib.Path, ...],
    k: int,
    label: str | None,
    sheet: pathlib.Path,
    as_json: bool,
    wanted: searching.Wanted,
    config_name: str | None,
    overrides: tuple[str, ...],
) -> None:
    """Find the images that look most like IMAGES, and draw them on a contact sheet."""
    options.require_writable(sheet, "--sheet")
    with options.told_plainly():
        choice = searching.searched(wanted, config_name, overrides)
    queries = [(path.name, path.read_bytes()) for path in images]
    with options.told_plainly():
        search = ImageSearch.open(choice.made[INDEX], choice.model_dir)
        found = search.neighbors([data for _, data in queries], k, label)
        pictures = search.images_of(neighbor for row in found for neighbor in row)
    sheet.parent.mkdir(parents=True, exist_ok=True)
    sheet.write_bytes(contact_sheet(queries, found, pictures))
    if as_json:
        values = {**_values(images, found, sheet, choice), "whitened": search.index.description.is_whitened}
        click.echo(json.dumps(values, indent=2, ensure_ascii=False))
        return
    click.echo(f"model: {choice}")
    for path, row in zip(images, found, strict=True):
        _print(path, row)
    space = "whitened embeddings" if search.index.description.is_whitened else "embeddings"
    click.echo(f"similarity: cosine of {space}")
    click.echo(f"contact sheet: {sheet}")


def _values(
    images: Sequence[pathlib.Path],
    found: Sequence[Sequence[Neighbor]],
    sheet: pathlib.Path,
    choice: ModelChoice,
) -> dict[str, object]:
    results = [
        {"image": str(path), "neighbors": [dataclasses.asdict(each) for each in row]}
        for path, row in zip(images, found, strict=True)
    ]
    return {"model": choice.values(), "results": results, "sheet": str(sheet)}


def _print(path: pathlib.Path, found: Sequence[Neighbor]) -> None:
    rows = [
        (f"{each.similarity:.4f}", each.label or "–", each.split, each.source, each.image_id[:12])
        for each in found
    ]
    headings = ("similarity", "label", "split", "source", "image_id")
    records.print_table(str(path), headings, rows, right=("similarity",))
