"""`tfx-contrastive suggest`."""

import json
import pathlib
import re
from collections.abc import Sequence

import click

from tfx_contrastive.consumers.drawing import Cell, draw_sheet
from tfx_contrastive.consumers.suggestions import lists
from tfx_contrastive.pipeline.cli import invocation, options
from tfx_contrastive.pipeline.runs.model_choice import EMBEDDINGS

_SHEET_COLUMNS = 10
_LABELS_KEY = "data.labels_files"
_PLAIN = re.compile(r"[\w./][\w./ +=@~-]*")
_FIRST_LINE = 2  # of the CSV file, as an editor counts: its first line has the names of the columns


@click.command("suggest")
@options.integer_option("--n", "num", default=100, least=1, most=100000, help="Number of images.")
@click.option(
    "--errors", is_flag=True, help="List images whose label is probably wrong, instead of images to label."
)
@options.file_option(
    "--out",
    described="suggestions.csv; label-errors.csv with --errors",
    help="Path of the CSV file; it must not exist.",
)
@options.file_option("--sheet", help="Also draw the images with their line numbers, as a PNG file.")
@options.integer_option("--seed", default=0, help="Seed of the random numbers.")
@click.option(
    "--embeddings",
    "embeddings_uri",
    default="",
    metavar="DIR",
    show_default="the embeddings of the model",
    help="Use this Embeddings artifact.",
)
@options.model_options("embeddings_uri")
@options.config_options
def command(
    num: int,
    errors: bool,
    out: pathlib.Path | None,
    sheet: pathlib.Path | None,
    seed: int,
    wanted: options.Wanted,
    config_name: str | None,
    overrides: tuple[str, ...],
) -> None:
    """Write a CSV file with the images to label next; fill in the labels, and the next run uses them.

    The images are those whose labels are expected to improve the model most. With --errors the file lists
    images whose label is probably wrong, for you to correct.
    """
    path = out or pathlib.Path("label-errors.csv" if errors else "suggestions.csv")
    if path.exists():
        raise click.ClickException(
            f"The file {path} exists, and may contain labels already. Name another file with --out."
        )
    options.require_writable(path, "--out")
    if sheet:
        options.require_writable(sheet, "--sheet")
    with options.told_plainly():
        config = options.load_config(config_name, overrides)
        uri = wanted.directories.get("embeddings_uri", "")
        if not uri:
            choice = wanted.choose(config_name, overrides, (EMBEDDINGS,))
            uri = choice.made[EMBEDDINGS]
            click.echo(f"model: {choice}")
        worklist = (lists.suspects if errors else lists.suggestions)(uri, num, seed)
        drawn = _draw(worklist, errors) if sheet else b""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(lists.to_csv(worklist.lines, "confidence" if errors else "uncertainty"), encoding="utf-8")
    if sheet:
        sheet.parent.mkdir(parents=True, exist_ok=True)
        sheet.write_bytes(drawn)
    _print(worklist, errors, path, sheet, (*config.data.labels_files, str(path)))


def _draw(worklist: lists.Worklist, errors: bool) -> bytes:
    images = worklist.images()
    cells = [
        Cell(
            images[line.image_id],
            f"{number}: {line.label}" if errors else str(number),
            f"{line.guess}?" if line.guess else "",
        )
        for number, line in enumerate(worklist.lines, _FIRST_LINE)
    ]
    return draw_sheet([cells[i : i + _SHEET_COLUMNS] for i in range(0, len(cells), _SHEET_COLUMNS)])


def _print(
    worklist: lists.Worklist,
    errors: bool,
    path: pathlib.Path,
    sheet: pathlib.Path | None,
    labels_files: Sequence[str],
) -> None:
    what = "labels that are probably wrong" if errors else "images to label"
    of = "labeled images" if errors else "images without a label"
    click.echo(f"{len(worklist.lines):,} {what}, out of {worklist.num_candidates:,} {of}: {path}")
    if sheet:
        click.echo(f"contact sheet, with the line number of each image: {sheet}")
    if not worklist.lines:
        return
    task = (
        "Correct the wrong labels in the column `label`; unchanged lines have no effect."
        if errors
        else "Fill in the column `label`, and delete the lines that you can't decide."
    )
    then = invocation.command(
        "run", "--set", f"{_LABELS_KEY}={_yaml_list(labels_files)}", replaced=_LABELS_KEY
    )
    click.echo(f"{task} Then: {then}")


def _yaml_list(texts: Sequence[str]) -> str:
    """Return a list as --set takes it; texts are quoted if YAML would read them as something else."""
    return f"[{','.join(t if _PLAIN.fullmatch(t) else json.dumps(t, ensure_ascii=False) for t in texts)}]"
