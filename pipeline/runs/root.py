"""What must hold of a pipeline's root before it is read or written.

TFX and ML Metadata know every file by its whole path, so a root can't be moved; and TFX finds files by
patterns that begin with the root, so it can't have their characters.
"""

import os
import pathlib
import shlex
import sqlite3

from tfx_contrastive.contract.errors import ConfigError
from tfx_contrastive.pipeline.config import PipelineConfig

_PATTERN_CHARACTERS = "*?[]\\"
# TFX puts what an execution makes at <root>/<node>/<key>/<number of the execution>.
_NEWEST = """
SELECT uri FROM Artifact JOIN Event ON Event.artifact_id = Artifact.id JOIN EventPath ON event_id = Event.id
WHERE uri LIKE '%/' || step_key || '/' || execution_id ORDER BY Artifact.id DESC LIMIT 100
"""


def require_no_pattern(config: PipelineConfig) -> None:
    """Refuses a root that TFX would take for a pattern of file names.

    Raises:
        ConfigError: If it has a character of patterns.
    """
    found = sorted(set(config.root) & set(_PATTERN_CHARACTERS))
    if found:
        raise ConfigError(
            f"Received the root {config.root}, which has {' and '.join(found)}: TFX would read it as a "
            "pattern of file names. Set another one with --set root=DIR; all other characters do."
        )


def require_outside_data(config: PipelineConfig) -> None:
    """Refuses a root within the directory of the data: the next run would read what this one wrote.

    Raises:
        ConfigError: If it lies there.
    """
    data = getattr(config.data.source, "path", None)
    if not data or "://" in config.root or "://" in data.removeprefix("file://"):
        return
    folder = os.path.realpath(os.path.expanduser(data.removeprefix("file://")))
    if os.path.isdir(folder) and pathlib.Path(os.path.realpath(config.root)).is_relative_to(folder):
        raise ConfigError(
            f"Received the root {config.root}, which lies in the directory of the data, {data}: the next run "
            "would take what this one writes there for data. Set another one with --set root=DIR."
        )


def require_unmoved(config: PipelineConfig) -> None:
    """Refuses a root whose records name their files at another place.

    Raises:
        ConfigError: If it was moved or copied; the text says from where and what to do.
    """
    made_at = _recorded_root(config)
    if made_at is None or _same(made_at, config.root):
        return
    if os.path.exists(made_at):
        raise ConfigError(
            f"The root {config.root} is a copy of {made_at}: its records name the files there. "
            f"Use that one with --set root={shlex.quote(made_at)}, or let a run begin in a new, empty root."
        )
    raise ConfigError(
        f"The root {config.root} was moved from {made_at}: its records name the files there. Move it back, "
        f"or lead the former path here: ln -s {shlex.quote(config.root)} {shlex.quote(made_at)}"
    )


def _recorded_root(config: PipelineConfig) -> str | None:
    """Where the root was when its newest artifacts were made; None where its own SQLite file doesn't say."""
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
        return None  # whoever opens it next says what is wrong
    return next((root for root in roots if _same(root, config.root)), roots[0] if roots else None)


def _same(first: str, second: str) -> bool:
    try:
        return os.path.samefile(first, second)
    except OSError:
        return False
