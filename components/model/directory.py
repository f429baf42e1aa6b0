"""A serving directory: numeric model versions, as the Pusher writes them and TF Serving watches them.

The layout is `<serving_dir>/<version>/saved_model.pb`; the greatest version is the model in use. The Pusher
copies `saved_model.pb` last, so a version without that file is incomplete, and all functions ignore it.
"""

import dataclasses
import logging
import os
import shutil
import time
import uuid

from tfx_contrastive.contract import files

from .saved import SAVED_MODEL_FILE

_PUBLISHING = ".publishing-"
_ABANDONED_AFTER_SECONDS = 3600  # longer than any copy that another process may still be making

_logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class ServedVersion:
    """A complete version: its number and its directory."""

    version: int
    path: str


def complete_versions(serving_dir: str) -> list[ServedVersion]:
    """List the complete versions of a serving directory, newest first.

    Args:
        serving_dir: Local path or object store URI; it may not exist yet.

    Returns:
        The versions that hold a `saved_model.pb`, by descending number. Directories whose name is not a
        number are ignored.
    """
    if not serving_dir or not files.is_directory(serving_dir):
        return []
    versions = []
    for name in files.names(serving_dir):
        if not (name.isascii() and name.isdigit()):
            continue
        path = files.join(serving_dir, name)
        if files.is_file(files.join(path, SAVED_MODEL_FILE)):
            versions.append(ServedVersion(int(name), path))
        else:
            _logger.warning("Ignored %s: the version is incomplete, it has no %s", path, SAVED_MODEL_FILE)
    return sorted(versions, key=lambda served: served.version, reverse=True)


def copy_model(source_dir: str, target_dir: str) -> None:
    """Copy the files of a SavedModel, `saved_model.pb` last.

    Args:
        source_dir: Directory of a SavedModel, local or on an object store.
        target_dir: Directory for its files; created if absent, and existing files are overwritten.

    Raises:
        FileNotFoundError: If `source_dir` holds no `saved_model.pb`.
    """
    names = files.find(source_dir)
    if SAVED_MODEL_FILE not in names:
        raise FileNotFoundError(
            f"{source_dir!r} holds no {SAVED_MODEL_FILE}: expected a SavedModel's directory."
        )
    for name in sorted(names, key=lambda name: name == SAVED_MODEL_FILE):
        files.copy(files.join(source_dir, name), files.join(target_dir, name))


def publish(model_dir: str, serving_dir: str) -> ServedVersion:
    """Copy a model to a serving directory as its newest version. Readers never see an incomplete version.

    On a local disk, the model is copied to a temporary directory, which is then renamed. An object store
    can't rename, so `saved_model.pb` is copied last. Older versions stay, as another process may be loading
    one.

    Args:
        model_dir: Directory of the SavedModel.
        serving_dir: Directory of numeric versions; created if absent.

    Returns:
        The new version. Its number is the time in seconds, as with TFX's Pusher, or the greatest existing
        number plus one if that is larger.
    """
    files.make_directory(serving_dir)
    taken = [int(name) for name in files.names(serving_dir) if name.isdecimal()]
    version = max([int(time.time()), *(number + 1 for number in taken)])
    if files.scheme_of(serving_dir):
        path = files.join(serving_dir, str(version))
        copy_model(model_dir, path)
        return ServedVersion(version, path)
    serving_dir = files.local(serving_dir)
    _remove_abandoned(serving_dir)
    staged = os.path.join(serving_dir, f"{_PUBLISHING}{uuid.uuid4().hex}")
    copy_model(model_dir, staged)
    while True:
        path = os.path.join(serving_dir, str(version))
        try:
            os.rename(staged, path)  # fails if another process has just taken the number
        except OSError:
            if not os.path.isdir(path):
                raise
            version += 1
        else:
            return ServedVersion(version, path)


def _remove_abandoned(serving_dir: str) -> None:
    """Remove temporary directories that killed processes left in a local serving directory."""
    for entry in os.scandir(serving_dir):
        age = time.time() - entry.stat().st_mtime
        if entry.name.startswith(_PUBLISHING) and age > _ABANDONED_AFTER_SECONDS:
            shutil.rmtree(entry.path, ignore_errors=True)
