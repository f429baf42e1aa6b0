"""The endpoint without a server: requests go to the application directly."""

import asyncio
import threading
from typing import Any

import httpx

from tfx_contrastive.consumers.http.app import Limits, create_app
from tfx_contrastive.consumers.http.following import Served, Serving
from tfx_contrastive.pipeline.runs.model_choice import ModelChoice

CHAMPION = ModelChoice(1, True, True, (), "r1", "", {})


def serving(search: Any, choice: Any = CHAMPION) -> Any:
    return Serving(Served(search, choice))


def call(search: Any, path: Any, limits: Any = None, method: Any = "POST", **request: Any) -> Any:
    return call_app(create_app(serving(search), limits or Limits()), path, method, **request)


def call_app(app: Any, path: Any, method: Any = "POST", **request: Any) -> Any:
    async def send() -> Any:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, **request)

    return asyncio.run(send())


class Held:
    """A search that answers only when it is released."""

    def __init__(self, search: Any) -> None:
        self.index, self.model = search.index, search.model
        self.started, self.release = threading.Semaphore(0), threading.Event()

    def neighbors(self, *_: Any) -> Any:
        self.started.release()
        self.release.wait(30)
        return [[]]
