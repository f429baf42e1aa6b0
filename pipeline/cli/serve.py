"""`tfx-contrastive serve`."""

import socket

import click

from tfx_contrastive.pipeline.cli import options, searching
from tfx_contrastive.pipeline.runs.model_choice import INDEX, champion_watch, choose


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
    wanted: searching.Wanted,
    config_name: str | None,
    overrides: tuple[str, ...],
) -> None:
    """Answer search and classification over HTTP, with limits on bytes, pixels and time.

    Serves the champion of the registry and follows each promotion and rollback, without a restart. A model
    that is named (--version, --run, --index, --model) stays.
    """
    import uvicorn

    from tfx_contrastive.consumers.http.app import Limits, create_app
    from tfx_contrastive.consumers.http.following import Serving, load

    places = _bind(host, port)
    with options.told_plainly():
        choice = searching.searched(wanted, config_name, overrides)
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
    """Takes the addresses before the model is loaded; nobody can connect until the server listens there.

    Raises:
        click.ClickException: If one can't be had.
    """
    places = []
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            places.append(place := socket.socket(family, kind, protocol))
            place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:  # the other family has a socket of its own
                place.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            place.bind(address)
    except OSError as error:  # also of names that nobody knows
        raise click.ClickException(
            f"The address {host}, port {port}, can't be taken: {error.strerror}. Choose another one with "
            "--port or --host."
        ) from error
    return places
