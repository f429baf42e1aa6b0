"""The connection to ML Metadata of a configuration."""

import contextlib
import os
import pathlib
import re
import sys
import tempfile
from collections.abc import Iterator
from typing import IO

from ml_metadata import errors
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2

from tfx_contrastive.contract.errors import ConfigError
from tfx_contrastive.pipeline.config import PipelineConfig
from tfx_contrastive.pipeline.config.model import SqliteMetadataConfig

from .root import require_unmoved


def connection_config(config: PipelineConfig) -> metadata_store_pb2.ConnectionConfig:
    """Return the connection for TFX and for reading.

    Raises:
        ConfigError: If a database server is configured and the variable of its password is not set.
    """
    connection = metadata_store_pb2.ConnectionConfig()
    metadata = config.metadata
    if isinstance(metadata, SqliteMetadataConfig):
        path = pathlib.Path(config.metadata_path)
        path.parent.mkdir(parents=True, exist_ok=True)
        connection.sqlite.filename_uri = str(path)
        connection.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        return connection
    password = os.environ.get(metadata.password_env)
    if password is None:
        raise ConfigError(
            f"metadata.kind is {metadata.kind}, so the environment variable {metadata.password_env} "
            "must hold the password of its user; it is not set."
        )
    server = connection.mysql if metadata.kind == "mysql" else connection.postgresql
    server.host = metadata.host
    server.user = metadata.user
    server.password = password if metadata.kind == "mysql" else _quoted(password)
    if metadata.kind == "mysql":
        connection.mysql.port = metadata.port
        connection.mysql.database = metadata.database
    else:
        connection.postgresql.port = str(metadata.port)
        connection.postgresql.dbname = metadata.database
    return connection


def reading_config(config: PipelineConfig) -> metadata_store_pb2.ConnectionConfig:
    """Return the connection for a command that only reads; it creates no SQLite file.

    Raises:
        ConfigError: As `connection_config`; also if the root was moved or can't hold a SQLite file.
    """
    require_unmoved(config)
    metadata = config.metadata
    if isinstance(metadata, SqliteMetadataConfig) and "://" in config.metadata_path:
        raise ConfigError(
            f"Received the root {config.root}; a run on this machine needs a local directory. Set one with "
            "--set root=DIR. Runs on a cluster are recorded in the cluster's own database (docs/kubeflow.md)."
        )
    if isinstance(metadata, SqliteMetadataConfig) and not pathlib.Path(config.metadata_path).exists():
        empty = metadata_store_pb2.ConnectionConfig()
        empty.fake_database.SetInParent()  # an in-memory database of ML Metadata
        return empty
    return connection_config(config)


def open_store(connection: metadata_store_pb2.ConnectionConfig) -> metadata_store.MetadataStore:
    """Open ML Metadata; its database and tables are created on first use.

    Raises:
        ConfigError: If it can't be opened; the text says where it should be and what to check. Also if it is
            in PostgreSQL and the installed client of ML Metadata can't store the records of TFX.
    """
    with _captured_stderr() as printed:
        try:
            store = metadata_store.MetadataStore(connection)
            if connection.HasField("postgresql"):
                _require_escaping(store)
            return store
        except (RuntimeError, errors.StatusError) as error:
            sys.stderr.flush()
            printed.seek(0)
            causes = re.findall(
                r"^E\d{4} [^\]]*\] (.*)$", printed.read().decode(errors="replace"), re.MULTILINE
            )
            told = "; ".join(text.strip().rstrip(".") for text in (str(error), *causes))
            raise ConfigError(_advice(connection, told)) from error


def _require_escaping(store: metadata_store.MetadataStore) -> None:
    """Refuse a client that fails on a backslash; the query finds nothing and changes nothing.

    Properties of TFX's components are JSON within JSON, which has many backslashes. The PostgreSQL client of
    ML Metadata 1.16 cuts libpq's `E'...'` literal at the wrong end; the server answers with a syntax error.

    Raises:
        ConfigError: If the client fails.
    """
    try:
        store.get_artifacts_by_uri("\\")
    except errors.StatusError as error:
        raise ConfigError(
            "Received metadata.kind postgresql, but the PostgreSQL client of the installed ML Metadata can't "
            "store a backslash, and TFX's records hold many: the first component with options would fail. "
            "Use mysql (or MariaDB) or sqlite (docs/metadata.md)."
        ) from error


@contextlib.contextmanager
def _captured_stderr() -> Iterator[IO[bytes]]:
    """Capture the output of C++ code: ML Metadata logs connections and the causes of failures only there."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as printed:
        os.dup2(printed.fileno(), 2)
        try:
            yield printed
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def _quoted(value: str) -> str:
    """Return a value for libpq's connection string, which ML Metadata builds without quoting."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _advice(connection: metadata_store_pb2.ConnectionConfig, error: str) -> str:
    if connection.HasField("sqlite"):
        path = connection.sqlite.filename_uri
        return f"ML Metadata's file {path} can't be opened: {error}. Is it a SQLite file, and writable?"
    if connection.HasField("mysql"):
        kind, server, database = "mysql", connection.mysql, connection.mysql.database
    else:
        kind, server, database = "postgresql", connection.postgresql, connection.postgresql.dbname
    return (
        f"ML Metadata can't be opened in the {kind} server at {server.host}:{server.port}, database "
        f"{database}, user {server.user}: {error}. Check that the server runs and answers there, that the "
        "user may use this database (and create it, or tables in it), and that the password is right "
        "(docs/metadata.md)."
    )
