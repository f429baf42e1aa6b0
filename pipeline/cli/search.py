"""`tfx-contrastive search` and `tfx-contrastive serve`: nearest neighbors here and over HTTP."""

import dataclasses
import pathlib
import socket
from collections.abc import Sequence

import click

from tfx_contrastive.consumers.drawing import contact_sheet
from tfx_contrastive.consumers.search import ImageSearch, Neighbor
from tfx_contrastive.pipeline.cli import options, records
from tfx_contrastive.pipeline.runs.model_choice import INDEX, ModelChoice, champion_watch, choose


@click.command("search")
@click.argument(
    "images", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path)
)
@options.integer_option("--k", default=10, least=1, most=1000, help="Number of neighbors per image.")
@click.option("--label", metavar="NAME", help="Find only images with this label.")
@options.file_option("--sheet", default="neighbors.png", help="Path of the contact sheet, a PNG file.")
@records.json_option
@options.search_options
@options.config_options
def search_command(
    images: tuple[pathlib.Path, ...],
    k: int,
    label: str | None,
    sheet: pathlib.Path,
    as_json: bool,
    wanted: options.Wanted,
    config_name: str | None,
    overrides: tuple[str, ...],
) -> None:
    """Find the images that are most similar to IMAGES, and draw them on a contact sheet."""
    options.require_writable(sheet, "--sheet")
    with options.told_plainly():
        choice = options.searched(wanted, config_name, overrides)
    queries = [(path.name, path.read_bytes()) for path in images]
    with options.told_plainly():
        search = ImageSearch.open(choice.made[INDEX], choice.model_dir)
        found = search.neighbors([data for _, data in queries], k, label)
        pictures = search.images_of(neighbor for row in found for neighbor in row)
    sheet.parent.mkdir(parents=True, exist_ok=True)
    sheet.write_bytes(contact_sheet(queries, found, pictures))
    if as_json:
        values = {**_values(images, found, sheet, choice), "whitened": search.index.description.is_whitened}
        records.print_json(values)
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


@click.command("serve")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="HOST",
    help="Listen on this address or host name.",
)
@options.integer_option("--port", default=8080, least=1, most=65535, help="Listen on this port.")
@options.integer_option(
    "--max-bytes", default=10 * 2**20, least=1, help="Maximum size of an upload, in bytes."
)
@options.integer_option(
    "--max-pixels", default=25_000_000, least=1, help="Maximum number of pixels per image."
)
@options.number_option(
    "--timeout",
    default=10.0,
    least=0.001,
    most=86_400,
    metavar="SECONDS",
    help="Maximum time per request.",
)
@options.integer_option(
    "--in-flight", default=4, least=1, help="Maximum number of requests that are answered at the same time."
)
@options.search_options
@options.config_options
def serve_command(
    host: str,
    port: int,
    max_bytes: int,
    max_pixels: int,
    timeout: float,
    in_flight: int,
    wanted: options.Wanted,
    config_name: str | None,
    overrides: tuple[str, ...],
) -> None:
    """Serve search and classification over HTTP.

    By default this serves the champion of the model registry, and switches to the new champion after each
    promotion and rollback, without a restart. A model that you name with --version, --run, --index or --model
    is served until the program ends.
    """
    import uvicorn

    from tfx_contrastive.consumers.http.app import Limits, create_app
    from tfx_contrastive.consumers.http.following import Serving, load

    places = _bind(host, port)
    with options.told_plainly():
        choice = options.searched(wanted, config_name, overrides)
        serving = Serving(load(choice))
        if not choice.given:
            config = options.load_config(config_name, overrides)
            serving.follow(
                champion_watch(config),
                (lambda: choose(config, (INDEX,))) if wanted.is_champion else None,
                click.echo,
            )
    num_images = serving.current.search.index.description.num_images
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    click.echo(f"Serving {choice}, {num_images:,} images on http://{address}/docs")
    app = create_app(serving, Limits(max_bytes, max_pixels, timeout, in_flight))
    settings = uvicorn.Config(app, log_level="warning", timeout_keep_alive=5)
    uvicorn.Server(settings).run(sockets=places)


def _bind(host: str, port: int) -> list[socket.socket]:
    """Bind the addresses before the model is loaded; nobody can connect until the server listens.

    The sockets are closed when the command ends.

    Raises:
        click.ClickException: If an address is not available.
    """
    command = click.get_current_context()
    places = []
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            place = command.with_resource(socket.socket(family, kind, protocol))
            place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:  # IPv4 has its own socket
                place.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            place.bind(address)
            places.append(place)
    except OSError as error:  # also for unknown host names
        raise click.ClickException(
            f"The address {host}, port {port}, is not available: {error.strerror}. Choose another one with "
            "--port or --host."
        ) from error
    return places
