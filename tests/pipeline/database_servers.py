"""Real MySQL (MariaDB) and PostgreSQL servers on loopback, for tests, where the machine has them."""

import contextlib
import glob
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.ports import free_port

USER, PASSWORD, DATABASE = "mlmd", "correct horse", "runs"
MISSING = {
    "mysql": "no MySQL server here: apt-get install mariadb-server",
    "postgresql": "no PostgreSQL server here: apt-get install postgresql",
}


@contextlib.contextmanager
def server(kind: Any) -> Iterator[Any]:
    """Runs a server of a kind; yields its port. Skips the test where the machine has none."""
    port = free_port()
    start = {"mysql": _mysql, "postgresql": _postgresql}[kind]
    # Not pytest's folder: only its owner may enter that one, and paths of sockets must be short.
    with tempfile.TemporaryDirectory(prefix="mlmd-", ignore_cleanup_errors=True) as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        with (folder / "log").open("wb") as log:
            process = start(folder, port, log)
            try:
                yield port
            finally:
                # To PostgreSQL, SIGTERM means: wait until every client has gone.
                process.send_signal(signal.SIGINT if kind == "postgresql" else signal.SIGTERM)
                process.wait(timeout=60)


def _mysql(folder: Any, port: Any, log: Any) -> Any:
    install, mysqld = shutil.which("mariadb-install-db"), shutil.which("mariadbd")
    if not (install and mysqld):
        pytest.skip(MISSING["mysql"])
    owner = "root" if os.getuid() == 0 else str(os.getuid())
    data, socket_path = folder / "mysql", folder / "socket"
    common = ["--no-defaults", f"--datadir={data}", f"--user={owner}"]
    options = ["--auth-root-authentication-method=normal", "--skip-test-db"]
    subprocess.run([install, *common, *options], check=True, stdout=log, stderr=log)
    start = [mysqld, *common, f"--socket={socket_path}", "--bind-address=127.0.0.1", f"--port={port}"]
    process = subprocess.Popen(start, stdout=log, stderr=log)
    _wait(process, lambda: socket_path.exists() and _answers(port))
    statements = (
        f"create user {USER}@localhost identified by '{PASSWORD}';"
        f"grant all on {DATABASE}.* to {USER}@localhost"
    )
    client = ["mariadb", "--no-defaults", "-u", "root", f"--socket={socket_path}", "-e", statements]
    subprocess.run(client, check=True, stdout=log, stderr=log)
    return process


def _postgresql(folder: Any, port: Any, log: Any) -> Any:
    homes = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    if not homes:
        pytest.skip(MISSING["postgresql"])
    as_user: dict[str, Any] = {}
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        as_user = {"user": "postgres", "group": "postgres", "extra_groups": ()}
        shutil.chown(folder, "postgres")
    password = folder / "password"
    password.write_text(PASSWORD)
    data = folder / "postgresql"
    create = [f"{homes[-1]}/initdb", "-D", data, "-U", USER, "-A", "scram-sha-256", f"--pwfile={password}"]
    subprocess.run(create, check=True, stdout=log, stderr=log, **as_user)
    start = [f"{homes[-1]}/postgres", "-D", data, "-k", "", "-h", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(start, stdout=log, stderr=log, **as_user)
    _wait(process, lambda: _answers(port))
    return process


def _wait(process: Any, ready: Any) -> None:
    deadline = time.monotonic() + 60
    while not ready():
        assert process.poll() is None, "the server has ended"
        assert time.monotonic() < deadline, "the server does not answer"
        time.sleep(0.2)


def _answers(port: Any) -> Any:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
