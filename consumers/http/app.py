"""The HTTP endpoint for search and classification (docs/search.md).

The body of a request is one image. Each request has limits on bytes, on pixels (read from the header before
the image is decoded) and on time. With too many requests at a time, a further one is refused and not queued.
"""

import asyncio
import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, TypeVar

from fastapi import FastAPI, HTTPException, Query, Request

from tfx_contrastive.components.examples.decode import size_of
from tfx_contrastive.contract.errors import Reason, RejectedError, UnreadableImagesError

from .following import Serving

Result = TypeVar("Result")

_FORMATS = "PNG, JPEG, GIF, BMP, WebP, TIFF, JPEG 2000, AVIF or PPM"
_IMAGE_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@dataclasses.dataclass(frozen=True)
class Limits:
    """The limits of a request.

    Attributes:
        max_bytes: Maximum size of the body in bytes.
        max_pixels: Maximum width times height of the image.
        seconds: Maximum time in seconds from the first byte of the body to the answer.
        in_flight: Maximum number of requests at a time; a further one gets status 503.
    """

    max_bytes: int = 10 * 2**20
    max_pixels: int = 25_000_000
    seconds: float = 10.0
    in_flight: int = 4


def create_app(serving: Serving, limits: Limits) -> FastAPI:
    """Create the application.

    Args:
        serving: Index and model. A request is answered by those in use when it starts, and the answer names
            them.
        limits: The limits of each request.

    Returns:
        An ASGI application: `GET /v1/health`, `POST /v1/search?k=&label=`, `POST /v1/classify`.
    """
    app = FastAPI(title="tfx-contrastive", description="Search by image and classification.")
    worker = _Worker(limits)

    @app.get("/v1/health")
    async def health() -> dict[str, Any]:
        """Describe the model and the index that are served, and the state of following the champion."""
        served = serving.current
        known = served.search.index.description
        return {
            "model": served.choice.values(),
            "following": serving.values(),
            "encoder_fingerprint": known.encoder_fingerprint,
            "index": {
                "kind": known.kind,
                "num_images": known.num_images,
                "recall": known.recall,
                "whitened": known.is_whitened,
            },
            "classifies": served.search.model.is_classifier,
        }

    @app.post("/v1/search", openapi_extra=_IMAGE_BODY)
    async def neighbors(
        request: Request, k: Annotated[int, Query(ge=1, le=1000)] = 10, label: str | None = None
    ) -> dict[str, Any]:
        """Return the indexed images that are most similar to the image in the body."""
        served = serving.current
        found = await worker.answer(request, lambda image: served.search.neighbors([image], k, label)[0])
        return {
            "neighbors": [dataclasses.asdict(each) for each in found],
            "model": served.choice.values(),
        }

    @app.post("/v1/classify", openapi_extra=_IMAGE_BODY)
    async def classify(request: Request) -> dict[str, Any]:
        """Classify the image in the body."""
        served = serving.current
        if not served.search.model.is_classifier:
            raise HTTPException(404, "The model was trained without labels and has no classes.")
        classes = await worker.answer(request, lambda image: served.search.classify([image]))
        probabilities = dict(zip(classes.names, classes.probabilities[0].tolist(), strict=True))
        return {
            "label": classes.labels[0],
            "probabilities": probabilities,
            "model": served.choice.values(),
        }

    return app


class _Worker:
    """Reads the body, checks it, and computes the answer within the limits."""

    def __init__(self, limits: Limits):
        self._limits = limits
        self._pool = ThreadPoolExecutor(limits.in_flight)
        self._busy = 0

    async def answer(self, request: Request, compute: Callable[[bytes], Result]) -> Result:
        """Compute an answer in a thread.

        Raises:
            HTTPException: 413 if the body or image is too large, 415 if it is not an image, 422 for a wrong
                parameter, 503 if too many requests are in flight, 504 after the time limit.
        """
        if self._busy >= self._limits.in_flight:
            raise HTTPException(503, "Too many requests at a time; try again soon.", {"Retry-After": "1"})
        self._busy += 1
        handed_over = False
        try:
            deadline = asyncio.get_running_loop().time() + self._limits.seconds
            image = await asyncio.wait_for(_body(request, self._limits.max_bytes), self._limits.seconds)
            _check_header(image, self._limits.max_pixels)
            future = asyncio.get_running_loop().run_in_executor(self._pool, compute, image)
            # A thread can't be stopped: its place becomes free when it ends, not when the client gives up.
            future.add_done_callback(self._free)
            handed_over = True
            left = deadline - asyncio.get_running_loop().time()
            return await asyncio.wait_for(asyncio.shield(future), left)
        except asyncio.TimeoutError as error:
            raise HTTPException(504, f"No answer within {self._limits.seconds:g} seconds.") from error
        except UnreadableImagesError as error:
            raise HTTPException(415, f"The image can't be decoded: {error}") from error
        except ValueError as error:
            raise HTTPException(422, str(error)) from error
        finally:
            if not handed_over:
                self._busy -= 1

    def _free(self, future: "asyncio.Future[Any]") -> None:
        self._busy -= 1
        if not future.cancelled():
            future.exception()  # marks it as retrieved; asyncio would log it otherwise


async def _body(request: Request, max_bytes: int) -> bytes:
    """Return the body; stop at the first byte beyond the limit, whatever `Content-Length` says."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise HTTPException(413, f"The body is larger than {max_bytes:,} bytes.")
    return bytes(body)


def _check_header(image: bytes, max_pixels: int) -> None:
    try:
        width, height = size_of(image)
    except RejectedError as error:
        if error.reason is Reason.DECOMPRESSION_BOMB:
            raise HTTPException(413, f"The image is too large: {error.detail}") from error
        raise HTTPException(
            415, f"The body can't be read as an image ({error.detail}); send a {_FORMATS} file."
        ) from error
    if width * height > max_pixels:
        raise HTTPException(
            413, f"The image has {width}x{height} pixels; at most {max_pixels:,} are allowed."
        )
