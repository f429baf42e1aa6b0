"""A serving directory: numeric model versions, as the Pusher writes them and TF Serving watches them.

The layout is `<serving_dir>/<version>/saved_model.pb`; the greatest version is the model in use. The Pusher
copies `saved_model.pb` last, so a version without that file is incomplete, and all functions ignore it.
"""

import dataclasses
import logging
import os
import posixpath
import shutil
import time
import uuid

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
    from tensorflow.io import gfile

    if not serving_dir or not gfile.isdir(serving_dir):
        return []
    names = (name.rstrip("/") for name in gfile.listdir(serving_dir))
    versions = []
    for name in names:
        if not (name.isascii() and name.isdigit()):
            continue
        path = posixpath.join(serving_dir, name)
        if gfile.exists(posixpath.join(path, SAVED_MODEL_FILE)):
            versions.append(ServedVersion(int(name), path))
        else:
            _logger.warning("Ignored %s: the version is incomplete, it has no %s", path, SAVED_MODEL_FILE)
    return sorted(versions, key=lambda served: served.version, reverse=True)


def copy_model(source_dir: str, target_dir: str) -> None:
    """Copy a SavedModel directory file by file, `saved_model.pb` last.

    Args:
        source_dir: Directory of a SavedModel, local or on an object store.
        target_dir: Directory for its files; created if absent, and existing files are overwritten.

    Raises:
        FileNotFoundError: If `source_dir` holds no `saved_model.pb`.
    """
    from tensorflow.io import gfile

    if not gfile.exists(posixpath.join(source_dir, SAVED_MODEL_FILE)):
        raise FileNotFoundError(
            f"{source_dir!r} holds no {SAVED_MODEL_FILE}: expected a SavedModel's directory."
        )
    gfile.makedirs(target_dir)
    for folder, subfolders, files in gfile.walk(source_dir):
        relative = folder[len(source_dir) :].strip("/")
        for subfolder in subfolders:
            gfile.makedirs(posixpath.join(target_dir, relative, subfolder.rstrip("/")))
        for name in files:
            if relative or name != SAVED_MODEL_FILE:
                target = posixpath.join(target_dir, relative, name)
                gfile.copy(posixpath.join(folder, name), target, overwrite=True)
    gfile.copy(
        posixpath.join(source_dir, SAVED_MODEL_FILE),
        posixpath.join(target_dir, SAVED_MODEL_FILE),
        overwrite=True,
    )


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
    from tensorflow.io import gfile

    gfile.makedirs(serving_dir)
    _remove_abandoned(serving_dir)
    taken = [int(name.rstrip("/")) for name in gfile.listdir(serving_dir) if name.rstrip("/").isdecimal()]
    version = max([int(time.time()), *(number + 1 for number in taken)])
    if "://" in serving_dir:
        path = posixpath.join(serving_dir, str(version))
        copy_model(model_dir, path)
        return ServedVersion(version, path)
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
    """Remove temporary directories of killed processes from a local disk."""
    if "://" in serving_dir:
        return
    for entry in os.scandir(serving_dir):
        age = time.time() - entry.stat().st_mtime
        if entry.name.startswith(_PUBLISHING) and age > _ABANDONED_AFTER_SECONDS:
            shutil.rmtree(entry.path, ignore_errors=True)
