"""`tfx-contrastive drift`."""

import dataclasses
import datetime
import pathlib
import posixpath

import click

from tfx_contrastive.components.embeddings import store
from tfx_contrastive.components.model.served import ServedModel
from tfx_contrastive.consumers.drift.detection import (
    DriftConfig,
    DriftDecision,
    detect,
    permutations_for,
    write_decision,
)
from tfx_contrastive.consumers.drift.samples import sample_images
from tfx_contrastive.pipeline.cli import invocation, options, records, terminal
from tfx_contrastive.pipeline.config.model import seen_as
from tfx_contrastive.pipeline.runs.model_choice import EMBEDDINGS, STATISTICS
from tfx_contrastive.trainer_module.config import ImageConfig

_DEFAULTS = DriftConfig()


@click.command("drift")
@click.option(
    "--images", required=True, metavar="DIR", help="Directory of the new images, with its subdirectories."
)
@options.number_option(
    "--alpha",
    default=_DEFAULTS.alpha,
    least=0.0003,
    most=0.5,
    metavar="ALPHA",
    help="Probability of a false alarm.",
)
@options.integer_option(
    "--max-images",
    default=_DEFAULTS.max_images,
    least=_DEFAULTS.min_images,
    help="Test a random sample of at most this many images.",
)
@options.integer_option("--seed", default=_DEFAULTS.seed, help="Seed of the sample and of the tests.")
@click.option(
    "--out", metavar="DIR", show_default="ROOT/drift/TIME", help="Write decision.json to this directory."
)
@records.json_option
@options.model_options()
@options.config_options
def command(
    images: str,
    alpha: float,
    max_images: int,
    seed: int,
    out: str | None,
    as_json: bool,
    wanted: options.Wanted,
    config_name: str | None,
    overrides: tuple[str, ...],
) -> None:
    """Test whether new images come from the same distribution as the training data.

    Exit status: 0 if there is no drift, 3 if there is drift and the model should be trained again, 1 or 2 if
    the test could not be made.
    """
    with options.told_plainly():
        config = options.load_config(config_name, overrides)
        place = out or f"{config.root}/drift/{datetime.datetime.now(datetime.timezone.utc):%Y%m%dT%H%M%SZ}"
        if "://" not in place:
            options.require_writable(pathlib.Path(place), "--out")
        settings = DriftConfig(
            alpha=alpha,
            max_images=max_images,
            seed=seed,
            num_permutations=max(_DEFAULTS.num_permutations, permutations_for(alpha)),
        )
        choice = wanted.choose(config_name, overrides, (EMBEDDINGS, STATISTICS))
        embeddings_uri = choice.made[EMBEDDINGS]
        model = ServedModel(choice.model_dir or store.read_meta(embeddings_uri).model_dir)
        # The configuration may have changed since the model was trained: what the model states counts.
        seen = seen_as(ImageConfig.model_validate(model.image)) if model.image else config.data.seen_as
        new = sample_images(images, max_images, settings.max_pixels, settings.max_file_bytes, seed, seen)
        decision = detect(
            new,
            model,
            embeddings_uri,
            posixpath.join(choice.made[STATISTICS], f"Split-{settings.reference_split}"),
            settings,
        )
    decision = dataclasses.replace(decision, model=choice.values())
    path = write_decision(decision, place)
    if as_json:
        records.print_json(dataclasses.asdict(decision))
    else:
        _print(decision, path)
    if decision.retrain:
        raise click.exceptions.Exit(terminal.DRIFT)


def _print(decision: DriftDecision, path: str) -> None:
    click.echo(f"model: {decision.model['description']}")
    click.echo(f"{decision.num_images:,} new images compared with {decision.num_reference:,} training images")
    for name, found in (("MMD²", decision.mmd), ("Fréchet distance", decision.frechet)):
        click.echo(
            f"  {name:<18} {found.statistic:.5f}  by chance {found.null_mean:.5f}  p = {found.p_value:.4f}"
        )
    if decision.classes is not None:
        click.echo(f"  {'predicted classes':<18} p = {decision.classes.p_value:.4f}")
    for name, value in decision.divergences.items():
        click.echo(f"  {name:<18} divergence {value:.4f}")
    for reason, count in sorted(decision.set_aside.items()):
        click.echo(f"  set aside: {reason} {count:,}")
    for sentence in decision.reasons:
        click.echo(f"ALARM: {sentence}")
    click.echo("decision: retrain" if decision.retrain else "decision: no drift, nothing to do")
    if decision.retrain:
        click.echo(f"with the new images in place: {invocation.command('run')}")
    click.echo(f"written to {path}")
