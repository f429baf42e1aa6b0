"""A directory of numeric model versions, as the Pusher writes one and TF Serving watches one.

`<serving_dir>/<version>/saved_model.pb`, the greatest version being the model in use. A version counts
once its `saved_model.pb` is there: the Pusher copies that file last, so a version without it is half
written (or was left behind by a kill) and every function here looks past it.
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
_ABANDONED_AFTER_SECONDS = 3600  # no copy takes that long; another process may be at its own

_logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class ServedVersion:
    """One complete version: its number and its directory."""

    version: int
    path: str


def complete_versions(serving_dir: str) -> list[ServedVersion]:
    """Lists the complete versions of a serving directory, newest first.

    Args:
        serving_dir: Local path or object store URI; need not exist yet.

    Returns:
        The versions that hold a `saved_model.pb`, by descending number. Names that are no number
        (temporary directories, markers) are no versions.
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
            _logger.warning("Looked past %s: no %s, the version is half written", path, SAVED_MODEL_FILE)
    return sorted(versions, key=lambda served: served.version, reverse=True)


def copy_model(source_dir: str, target_dir: str) -> None:
    """Copies a SavedModel directory file by file, `saved_model.pb` last.

    Args:
        source_dir: Directory of a SavedModel, local or on an object store.
        target_dir: Where its files go; made if absent, files that exist are overwritten.

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
    """Makes a model the newest version of a serving directory, complete from the moment it is seen.

    On a local disk the copy is made under a name that is no number and then renamed. An object store
    can't rename: there `saved_model.pb` goes last. Former versions stay, so that a reader in the midst
    of loading one of them is not disturbed.

    Args:
        model_dir: Directory of the SavedModel.
        serving_dir: Directory of numeric versions; made if absent.

    Returns:
        The new version: the time in seconds as with TFX's Pusher, or one more than the greatest
        number that is taken.
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
            os.rename(staged, path)  # fails where another process took the number: a version is not empty
        except OSError:
            if not os.path.isdir(path):
                raise
            version += 1
        else:
            return ServedVersion(version, path)


def _remove_abandoned(serving_dir: str) -> None:
    """Removes what a kill in the midst of copying left behind on a local disk."""
    if "://" in serving_dir:
        return
    for entry in os.scandir(serving_dir):
        age = time.time() - entry.stat().st_mtime
        if entry.name.startswith(_PUBLISHING) and age > _ABANDONED_AFTER_SECONDS:
            shutil.rmtree(entry.path, ignore_errors=True)
