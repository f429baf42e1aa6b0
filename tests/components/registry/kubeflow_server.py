"""A stand-in for Kubeflow Model Registry's server, which is Go and in no package index.

It keeps the resources in memory and answers what the real client sends. Every body is checked against the
models in `mr_openapi`, which the client's authors generate from the server's OpenAPI document; unknown fields
are refused. Where that document is silent its behavior is an assumption: a PATCH replaces `customProperties`
as a whole, a second version of one name is a conflict. Authentication, TLS and the database are not there.
"""

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import fastapi
import mr_openapi
import uvicorn

ROOT = "/api/model_registry/v1"


def make_app() -> Any:
    """The application; `app.state.log` has (method, path) of every request that changes something."""
    app = fastapi.FastAPI()
    ids, clock = itertools.count(1), itertools.count(1_764_000_000_000)
    models: dict[str, Any] = {}
    versions: dict[str, Any] = {}
    artifacts: dict[str, Any] = {}
    app.state.log, app.state.fail = [], set()

    def checked(kind: Any, body: Any) -> Any:
        known = {field.alias or name for name, field in kind.model_fields.items()}
        unknown = set(body) - known
        if unknown:
            raise fastapi.HTTPException(400, f"unknown fields {sorted(unknown)}")
        kind.from_dict(body)
        return body

    def store(kept: Any, body: Any) -> Any:
        now = str(next(clock))
        entry = {**body, "id": str(next(ids)), "createTimeSinceEpoch": now, "lastUpdateTimeSinceEpoch": now}
        kept[entry["id"]] = {"state": "LIVE", **entry}
        return kept[entry["id"]]

    def change(kept: Any, key: Any, body: Any) -> Any:
        if key not in kept:
            raise fastapi.HTTPException(404)
        kept[key] |= {**body, "lastUpdateTimeSinceEpoch": str(next(clock))}
        return kept[key]

    def one(found: Any) -> Any:
        if not found:
            raise fastapi.HTTPException(404, "no such resource")
        return found[0]

    @app.middleware("http")
    async def note(request: Any, call_next: Any) -> Any:
        if request.method != "GET":
            app.state.log.append((request.method, request.url.path.removeprefix(ROOT)))
            if app.state.log[-1][1].rsplit("/", 1)[-1] in app.state.fail:
                return fastapi.Response(status_code=500)
        return await call_next(request)

    @app.get(f"{ROOT}/registered_model")
    def find_model(name: str) -> Any:
        return one([entry for entry in models.values() if entry["name"] == name])

    @app.post(f"{ROOT}/registered_models", status_code=201)
    def create_model(body: dict[str, Any]) -> Any:
        return store(models, checked(mr_openapi.RegisteredModelCreate, body))

    @app.patch(f"{ROOT}/registered_models/{{key}}")
    def update_model(key: str, body: dict[str, Any]) -> Any:
        return change(models, key, checked(mr_openapi.RegisteredModelUpdate, body))

    @app.get(f"{ROOT}/registered_models/{{key}}/versions")
    def list_versions(key: str, pageSize: int = 100, nextPageToken: str = "0") -> Any:  # noqa: N803 - the server's names
        found = [entry for entry in versions.values() if entry["registeredModelId"] == key]
        start = int(nextPageToken or 0)
        page, end = found[start : start + pageSize], start + pageSize
        token = str(end) if end < len(found) else ""
        return {"items": page, "size": len(page), "pageSize": pageSize, "nextPageToken": token}

    @app.post(f"{ROOT}/model_versions", status_code=201)
    def create_version(body: dict[str, Any]) -> Any:
        checked(mr_openapi.ModelVersionCreate, body)
        key = (body["registeredModelId"], body["name"])
        if key in {(entry["registeredModelId"], entry["name"]) for entry in versions.values()}:
            raise fastapi.HTTPException(409, "version already exists")
        return store(versions, body)

    @app.patch(f"{ROOT}/model_versions/{{key}}")
    def update_version(key: str, body: dict[str, Any]) -> Any:
        return change(versions, key, checked(mr_openapi.ModelVersionUpdate, body))

    @app.post(f"{ROOT}/model_versions/{{key}}/artifacts", status_code=201)
    def create_artifact(key: str, body: dict[str, Any]) -> Any:
        one([entry for entry in versions.values() if entry["id"] == key])
        mr_openapi.Artifact.from_dict(body)
        return store(artifacts, {**body, "parent": key})

    @app.get(f"{ROOT}/model_artifact")
    def find_artifact(name: str, parentResourceId: str) -> Any:  # noqa: N803
        return one(
            [
                each
                for each in artifacts.values()
                if (each["name"], each["parent"]) == (name, parentResourceId)
            ]
        )

    return app


@contextlib.contextmanager
def serving(app: Any) -> Iterator[Any]:
    """Serve the application on loopback; yield its URI."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 60
        while not server.started:
            assert time.monotonic() < deadline, "the stand-in did not start"
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
