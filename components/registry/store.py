"""A directory of models by digest: each is complete or absent, and never changes."""

import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator

from tfx_contrastive.components.model.directory import copy_model
from tfx_contrastive.components.model.saved import SAVED_MODEL_FILE, model_digest
from tfx_contrastive.contract import files, locking
from tfx_contrastive.contract.errors import InputError, RegistryError

from .interface import VersionRecord

RECORD_FILE = "version.json"
CARD_FILE = "model_card.md"
MLMODEL_FILE = "MLmodel"
CODE_FILE = "mlflow_model.py"
REQUIREMENTS_FILE = "requirements.txt"
ENVIRONMENT_FILE = "python_env.yaml"
OWN_FILES = frozenset({RECORD_FILE, CARD_FILE, MLMODEL_FILE, CODE_FILE, REQUIREMENTS_FILE, ENVIRONMENT_FILE})
_INCOMING = ".incoming-"  # unfinished copy of a writer, of which there is one at a time
_CACHING = ".caching-"  # unfinished copy of a reader


def digest_of(model_dir: str) -> str:
    """Return the digest of a SavedModel, the same before and after it is stored."""
    return model_digest(model_dir, ignored=OWN_FILES)


@contextlib.contextmanager
def write_lock(path: str) -> Iterator[None]:
    """Hold the lock of a registry; wait while another process on this machine holds it.

    Raises:
        RegistryError: If this user may not write the lock file.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locking.exclusive(path))
        except OSError as error:
            raise RegistryError(
                f"The registry can't be changed by this user (uid {os.getuid()}): {path}: {error.strerror}. "
                "Repeat the command as a user who may write there."
            ) from error
        yield


class ModelStore:
    """Models in `<root>/<digest>/`: the SavedModel, `version.json`, `model_card.md`, files of the registry.

    A model is copied to a temporary directory, which is then renamed. A process killed at any point leaves
    either the whole model or a `.incoming-*` directory, which the next `add` removes.
    """

    def __init__(self, root: str):
        self._root = root

    def path(self, digest: str) -> str | None:
        """Return the directory of a model; None if the store doesn't have it."""
        path = os.path.join(self._root, digest)
        return path if os.path.isdir(path) else None

    def add(self, model_dir: str, record: VersionRecord, describe: Callable[[str], None]) -> str:
        """Copy a model into the store. The caller holds the lock.

        Args:
            model_dir: Directory of the SavedModel, local or on an object store.
            record: Digest, facts and card of the model.
            describe: Function that adds the registry's own files to the copy, given its directory.

        Returns:
            The model's directory. If the store has the digest already, nothing is copied.

        Raises:
            ValueError: If the copied files don't have the digest.
        """
        self._remove_unfinished()
        present = self.path(record.digest)
        if present:
            return present
        incoming = os.path.join(self._root, f"{_INCOMING}{uuid.uuid4().hex}")
        copy_model(model_dir, incoming)
        _check(incoming, record.digest)
        values = {"digest": record.digest, "blessed": record.blessed, "facts": record.facts}
        files.write_text(os.path.join(incoming, RECORD_FILE), json.dumps(values, indent=2))
        files.write_text(os.path.join(incoming, CARD_FILE), record.card)
        describe(incoming)
        _flush_to_disk(incoming)
        final = os.path.join(self._root, record.digest)
        os.rename(incoming, final)
        return final

    def keep(self, model_dir: str, digest: str) -> str:
        """Copy a model that already has its record, such as a downloaded one, into the store.

        Raises:
            ValueError: If the files don't have the digest.
        """
        _check(model_dir, digest)
        os.makedirs(self._root, exist_ok=True)
        incoming = os.path.join(self._root, f"{_CACHING}{uuid.uuid4().hex}")
        shutil.copytree(model_dir, incoming)
        final = os.path.join(self._root, digest)
        try:
            os.rename(incoming, final)
        except OSError:  # another process has stored the same files
            shutil.rmtree(incoming)
        return final

    def _remove_unfinished(self) -> None:
        os.makedirs(self._root, exist_ok=True)
        for name in os.listdir(self._root):
            if name.startswith(_INCOMING):
                shutil.rmtree(os.path.join(self._root, name), ignore_errors=True)


def _check(model_dir: str, digest: str) -> None:
    found = digest_of(model_dir)
    if found != digest:
        raise InputError(
            f"The files in {model_dir!r} have the digest {found}, expected {digest}: they changed while they "
            "were copied, or the copy is damaged. Register the model again."
        )


def require_whole(model_dir: str, number: int) -> str:
    """Return the directory of a version.

    Raises:
        RegistryError: If the model or its record is missing there.
    """
    expected = (SAVED_MODEL_FILE, RECORD_FILE, CARD_FILE)
    missing = [name for name in expected if not os.path.isfile(os.path.join(model_dir, name))]
    if missing:
        lacking = f"lacks {', '.join(missing)}" if os.path.isdir(model_dir) else "does not exist"
        raise RegistryError(
            f"The directory of version {number}, {model_dir}, {lacking}. Restore its files from a "
            "backup, mount the volume, or use another version."
        )
    return model_dir


def read_record(model_dir: str) -> VersionRecord:
    """Read the record beside a stored model."""
    values = json.loads(files.read_text(os.path.join(model_dir, RECORD_FILE)))
    card = files.read_text(os.path.join(model_dir, CARD_FILE))
    return VersionRecord(values["digest"], values["blessed"], values["facts"], card)


def _flush_to_disk(folder: str) -> None:
    """Flush a directory before it is renamed; after a power failure, its files could be empty otherwise."""
    for parent, _, names in os.walk(folder):
        for path in [os.path.join(parent, name) for name in names] + [parent]:
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
