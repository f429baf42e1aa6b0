"""`tfx-contrastive serve`."""

import click

from components.similarity_index_gen.search import ImageSearch
from pipeline.cli import options, searching
from pipeline.config import load_config


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--max-bytes", default=10 * 2**20, show_default=True, type=click.IntRange(min=1), help="Of an upload."
)
@click.option(
    "--max-pixels", default=25_000_000, show_default=True, type=click.IntRange(min=1), help="Of an image."
)
@click.option(
    "--timeout",
    default=10.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="Seconds a request.",
)
@click.option(
    "--in-flight", default=4, show_default=True, type=click.IntRange(min=1), help="Requests at a time."
)
@searching.search_options
@options.config_options
def command(
    host: str,
    port: int,
    max_bytes: int,
    max_pixels: int,
    timeout: float,
    in_flight: int,
    index_uri: str,
    model_dir: str,
    config_name: str,
    overrides: tuple[str, ...],
) -> None:
    """Answer search and classification over HTTP, with limits on bytes, pixels and time."""
    import uvicorn

    from pipeline.http_api import Limits, create_app

    with options.told_plainly():
        if not index_uri:
            config = load_config(config_name, overrides)
            index_uri = searching.newest_output(config, "SimilarityIndexGen", "similarity_index")
    with searching.mistakes_told():
        search = ImageSearch.open(index_uri, model_dir)
    app = create_app(search, Limits(max_bytes, max_pixels, timeout, in_flight))
    click.echo(f"Serving {search.index.description.num_images:,} images on http://{host}:{port}/docs")
    uvicorn.run(app, host=host, port=port, log_level="warning", timeout_keep_alive=5)
