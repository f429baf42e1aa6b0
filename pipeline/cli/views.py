"""`tfx-contrastive views`."""

import pathlib

import click

from tfx_contrastive.components.image_example_gen.samples import sample_images
from tfx_contrastive.pipeline.cli import options


@click.command("views")
@click.option(
    "--out",
    default=pathlib.Path("views.png"),
    show_default=True,
    type=click.Path(dir_okay=False, path_type=pathlib.Path),
    help="Where the picture goes.",
)
@click.option("--images", default=8, show_default=True, type=click.IntRange(1, 100), help="Rows.")
@click.option("--draws", default=3, show_default=True, type=click.IntRange(1, 20), help="Pairs a row.")
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(0), help="Other images, other views."
)
@options.config_options
def command(
    out: pathlib.Path, images: int, draws: int, seed: int, config_name: str | None, overrides: tuple[str, ...]
) -> None:
    """Draw images of the source and the views that pretraining would make of them, before any run."""
    options.require_writable(out, "--out")
    with options.told_plainly():
        config = options.load_config(config_name, overrides)
        sample = sample_images(config.data, images, seed)

        import tensorflow as tf

        from tfx_contrastive.trainer_module.images import decode_images
        from tfx_contrastive.trainer_module.views import draw_views, view_grid

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
    for reason, count in sorted(sample.set_aside.items()):
        click.echo(f"  passed over: {count:,} {reason}")
    click.echo("Would you still know each image by its views? If not, weaken pretrain.views.policy.")
