"""The commands that check data before any run: `validate` and `views`."""

import math
import pathlib
from collections.abc import Mapping

import click

from tfx_contrastive.components.examples import names
from tfx_contrastive.components.image_example_gen import DataError, IngestConfig, SourceInspection
from tfx_contrastive.components.image_example_gen.forecast import expected_splits
from tfx_contrastive.components.image_example_gen.samples import sample_images
from tfx_contrastive.components.image_example_gen.survey import Survey, described, survey_source
from tfx_contrastive.contract.examples import EVAL, TEST, TRAIN
from tfx_contrastive.pipeline import duration
from tfx_contrastive.pipeline.cli import ending, options
from tfx_contrastive.pipeline.config import PipelineConfig
from tfx_contrastive.pipeline.runners import supervisor
from tfx_contrastive.trainer_module.config import ImageConfig

_FEW = 5  # expected images or groups of a split, below which it may stay empty by chance
_CLASSES_SHOWN = 20
# Warn if more than this share of an image is cut off, for more than this share of the images.
_MUCH, _MANY = 1 / 3, 0.1


@click.command("validate")
@options.config_options
def validate_command(config_name: str | None, overrides: tuple[str, ...]) -> None:
    """Check a configuration and its data without running the pipeline."""
    with options.told_plainly():
        config = options.load_config(config_name, overrides)
        config.export.check_installed()
        supervisor.require_usable(config)
        try:
            survey = survey_source(config.data)
        except DataError as error:
            raise DataError(f"The configuration {config.name} can't be used: {error}") from error
    click.echo(f"The configuration {config.name} can be used.")
    for line in [
        *describe(survey.inspection, survey.is_exact),
        *describe_sample(survey, config.data),
        *_describe_cuts(survey, config.image),
    ]:
        click.echo(f"  {names.on_one_line(line)}")
    click.echo(f"  a first run takes {_duration(config, survey)}")
    click.echo(f"  artifacts, metadata and pushed models go to {config.root}")


def _duration(config: PipelineConfig, survey: Survey) -> str:
    rows = expected_splits(survey.inspection, config.data, survey.usable_share, survey.is_exact)
    num_images = sum(images for images, _, _ in rows.values())
    found = duration.estimate(config, num_images, rows[TRAIN][1], survey.seconds_per_image)
    text = "a time that is" if found.seconds is None else f"{duration.as_text(found.seconds)},"
    return f"{text} {found.basis}"


def describe(inspection: SourceInspection, is_exact: bool = True) -> list[str]:
    """Return what a source contains, one line per fact, then the warnings."""
    about = "" if is_exact else "about "
    lines = [f"{about}{inspection.num_images:,} images, {inspection.num_labeled:,} of them labeled"]
    for split, labels in inspection.labels.items():
        lines.append(f"{split or 'split by hash'}: {_counts(labels)}")
    if inspection.given_labels:
        lines.append(f"labels files: {_counts(inspection.given_labels)}")
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


def _counts(labels: Mapping[str, int]) -> str:
    """Return class names with their numbers of images; for very many classes a few of them and the range."""
    few = ", ".join(
        f"{names.shortened(name)} {count:,}" for name, count in list(labels.items())[:_CLASSES_SHOWN]
    )
    if len(labels) <= _CLASSES_SHOWN:
        return few
    least, most = min(labels.values()), max(labels.values())
    return f"{len(labels):,} classes of {least:,} to {most:,} images: {few} and so on"


def describe_sample(survey: Survey, ingest: IngestConfig) -> list[str]:
    """Return what was found in a sample of the images, and the expected sizes of the splits."""
    which = "all" if survey.is_whole else f"a sample of {survey.num_looked_at:,}"
    if not survey.rejections:
        lines = [f"looked at {which} of the images: every one can be used"]
    else:
        about = "" if survey.is_whole else "about "
        lines = [
            f"looked at {which} of the images: {about}{survey.bad_share:.1%} would be set aside "
            f"(data.max_bad_fraction allows {ingest.max_bad_fraction:.1%})"
        ]
        lines += [f"  {line}" for line in described(survey.rejections)]
    lines += _describe_groups(survey)
    rows = expected_splits(survey.inspection, ingest, survey.usable_share, survey.is_exact)
    held = "; ".join(
        f"{split} {'' if sure else 'about '}{images:,} images, {labels:,} labels"
        for split, (images, labels, sure) in rows.items()
    )
    lines.append(f"the run will hold: {held} (copies of a picture are kept once)")
    for split, (expected, _, _) in rows.items():
        is_carved = split not in {TRAIN, *survey.inspection.labels, *survey.inspection.unlabeled}
        if is_carved and survey.groups is not None:
            lines += _few_groups(split, survey.groups.num_movable, ingest)
        elif is_carved and expected < _FEW:
            lines.append(
                f"warning: {split} gets about {expected} images by their hash; with a chance of "
                f"{math.exp(-expected):.0%} it gets none, and the run stops. Label more images, or raise "
                f"data.{split}_fraction"
            )
    if survey.bad_share > ingest.max_bad_fraction:
        lines.append("warning: the run stops if the rest of the images is like those that were looked at")
    for label, (looked, of) in survey.unusable_classes.items():
        those = "none of its" if looked == of else f"none of {looked:,} looked at of its"
        lines.append(f"warning: the class {label!r} has no image that can be used: {those} {of:,}")
    lines += [f"warning: {doubt}" for doubt in survey.doubts]
    return lines


def _describe_cuts(survey: Survey, image: ImageConfig) -> list[str]:
    """Return a warning if `image.resize: crop` cuts off a large part of many images."""
    wanted = image.width / image.height
    much = sum(min(ratio / wanted, wanted / ratio) < 1 - _MUCH for ratio in survey.aspect_ratios)
    if image.resize != "crop" or much <= _MANY * len(survey.aspect_ratios):
        return []
    return [
        f"warning: image.resize: crop takes the middle of each image, and of {much:,} of the "
        f"{len(survey.aspect_ratios):,} that were looked at it leaves out more than a third; pad and stretch "
        "leave out nothing"
    ]


def _describe_groups(survey: Survey) -> list[str]:
    """Return the number of groups, the largest one, and warnings about groups that lie in several splits."""
    census = survey.groups
    if census is None:
        return []
    by = survey.inspection.grouped_by if census.by_source else "data.group_pattern"
    text = f"groups by {by}: {census.num_groups:,} of two images or more"
    if census.largest is not None:
        text += f", the largest {census.largest[0]!r} with {census.largest[1]:,} images"
    if census.num_without:
        text += f"; {census.num_without:,} images are in none"
    return [text, *(f"warning: {warning}" for warning in census.warnings())]


def _few_groups(split: str, num_groups: int, ingest: IngestConfig) -> list[str]:
    """Return a warning if a split gets so few groups that it may stay empty."""
    fraction = ingest.eval_fraction if split == EVAL else ingest.test_fraction
    if num_groups * fraction >= _FEW:
        return []
    none = (1 - fraction) ** num_groups
    return [
        f"warning: {split} gets about {num_groups * fraction:.1f} of {num_groups:,} groups by their hash; "
        f"with a chance of {none:.0%} it gets none, and the run stops. Make groups smaller, or raise "
        f"data.{split}_fraction"
    ]


@click.command("views")
@options.file_option("--out", default="views.png", help="Path of the picture, a PNG file.")
@options.integer_option("--images", default=8, least=1, most=100, help="Number of images, one per row.")
@options.integer_option("--draws", default=3, least=1, most=20, help="Pairs of views per image.")
@options.integer_option("--seed", default=0, help="Seed that selects the images and views.")
@options.config_options
def views_command(
    out: pathlib.Path, images: int, draws: int, seed: int, config_name: str | None, overrides: tuple[str, ...]
) -> None:
    """Draw some of your images and the augmented views that pretraining would train on."""
    options.require_writable(out, "--out")
    with options.told_plainly():
        config = options.load_config(config_name, overrides)
        sample = sample_images(config.data, images, seed)

        import tensorflow as tf

        from tfx_contrastive.trainer_module.images import decode_images
        from tfx_contrastive.trainer_module.views.grid import draw_views, view_grid

        pixels = decode_images(tf.constant([image.encoded for image in sample.images]), config.image).numpy()
        grid = view_grid(
            draw_views(pixels, config.pretrain.views, seed, draws),
            [image.label or image.source for image in sample.images],
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    grid.save(out, "PNG")
    shape = "x".join(str(side) for side in pixels.shape[1:])
    click.echo(
        f"{out}: {len(pixels)} images of {config.data.source} as {shape}, each with {draws} draws of views"
    )
    for step in config.pretrain.views.policy:
        click.echo(f"  {step.name}: {step.described()}")
    small = config.pretrain.views.small
    if small.count:
        click.echo(
            f"  and {small.count} small views of {small.min_area:.0%} to {small.max_area:.0%} of an image"
        )
    for reason, count in sorted(sample.rejected.items()):
        click.echo(f"  passed over: {count:,} {reason}")
    click.echo("Can you still recognize each image in its views? If not, weaken pretrain.views.policy.")
