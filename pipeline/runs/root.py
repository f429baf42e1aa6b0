"""Checks of the root of a pipeline before it is read or written.

TFX and ML Metadata record every file by its whole path, so a root can't be moved. TFX finds files by patterns
that begin with the root, so the root can't contain the special characters of patterns.
"""

import os
import pathlib
import shlex
import sqlite3

from tfx_contrastive.contract.errors import ConfigError
from tfx_contrastive.pipeline.config import PipelineConfig

_PATTERN_CHARACTERS = "*?[]\\"
# TFX writes the output of an execution to <root>/<node>/<key>/<id of the execution>.
_NEWEST = """
SELECT uri FROM Artifact JOIN Event ON Event.artifact_id = Artifact.id JOIN EventPath ON event_id = Event.id
WHERE uri LIKE '%/' || step_key || '/' || execution_id ORDER BY Artifact.id DESC LIMIT 100
"""


def require_no_pattern(config: PipelineConfig) -> None:
    """Refuse a root that TFX would read as a pattern of file names.

    Raises:
        ConfigError: If it contains a special character of patterns.
    """
    found = sorted(set(config.root) & set(_PATTERN_CHARACTERS))
    if found:
        raise ConfigError(
            f"Received the root {config.root}, which contains {' and '.join(found)}: TFX would read it "
            "as a pattern of file names. Set another root with --set root=DIR; other characters are allowed."
        )


def require_outside_data(config: PipelineConfig) -> None:
    """Refuse a root within the directory of the data: the next run would read the output of this one.

    Raises:
        ConfigError: If the root is there.
    """
    data = getattr(config.data.source, "path", None)
    if not data or "://" in config.root or "://" in data.removeprefix("file://"):
        return
    folder = os.path.realpath(os.path.expanduser(data.removeprefix("file://")))
    if os.path.isdir(folder) and pathlib.Path(os.path.realpath(config.root)).is_relative_to(folder):
        raise ConfigError(
            f"Received the root {config.root}, which is in the directory of the data, {data}: the next run "
            "would read the output of this one as data. Set another root with --set root=DIR."
        )


def require_unmoved(config: PipelineConfig) -> None:
    """Refuse a root whose records name files at another place.

    Raises:
        ConfigError: If the root was moved or copied; the text says from where and what to do.
    """
    made_at = _recorded_root(config)
    if made_at is None or _same(made_at, config.root):
        return
    if os.path.exists(made_at):
        raise ConfigError(
            f"The root {config.root} is a copy of {made_at}: its records name the files there. "
            f"Use the original with --set root={shlex.quote(made_at)}, or start in a new, empty root."
        )
    raise ConfigError(
        f"The root {config.root} was moved from {made_at}: its records name the files there. Move it back, "
        f"or link the former path to it: ln -s {shlex.quote(config.root)} {shlex.quote(made_at)}"
    )


def _recorded_root(config: PipelineConfig) -> str | None:
    """Return the root at the time of its newest artifacts; None if its SQLite file doesn't say."""
    path = pathlib.Path(config.metadata_path)
    if "://" in config.root or not path.is_relative_to(config.root) or not path.is_file():
        return None
    try:
        connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=1)
        try:
            roots = [str(pathlib.PurePosixPath(uri).parents[2]) for (uri,) in connection.execute(_NEWEST)]
        finally:
            connection.close()
    except sqlite3.Error:
        return None  # the next command that opens it reports the error
    return next((root for root in roots if _same(root, config.root)), roots[0] if roots else None)


def _same(first: str, second: str) -> bool:
    try:
        return os.path.samefile(first, second)
    except OSError:
        return False
