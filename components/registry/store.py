"""A directory of models by digest: complete or absent, never changed."""

import json
import os
import shutil
import uuid
from collections.abc import Callable

from tfx_contrastive.components.model.directory import copy_model
from tfx_contrastive.components.model.saved import SAVED_MODEL_FILE, model_digest
from tfx_contrastive.components.registry.interface import VersionRecord
from tfx_contrastive.contract.errors import InputError, RegistryError

RECORD_FILE = "version.json"
CARD_FILE = "model_card.md"
MLMODEL_FILE = "MLmodel"
CODE_FILE = "mlflow_model.py"
REQUIREMENTS_FILE = "requirements.txt"
ENVIRONMENT_FILE = "python_env.yaml"
OWN_FILES = frozenset({RECORD_FILE, CARD_FILE, MLMODEL_FILE, CODE_FILE, REQUIREMENTS_FILE, ENVIRONMENT_FILE})
_INCOMING = ".incoming-"  # of the one writer
_CACHING = ".caching-"  # of any reader


def digest_of(model_dir: str) -> str:
    """Digest of a SavedModel, the same before and after it was stored."""
    return model_digest(model_dir, ignored=OWN_FILES)


class ModelStore:
    """`<root>/<digest>/`: the SavedModel, `version.json`, `model_card.md`, what the registry adds.

    A model is copied beside its place and renamed into it: a kill at any point leaves either nothing
    or all of it, plus a `.incoming-*` directory that the next `add` removes.
    """

    def __init__(self, root: str):
        self._root = root

    def path(self, digest: str) -> str | None:
        """The directory of a model, None if the store doesn't have it."""
        path = os.path.join(self._root, digest)
        return path if os.path.isdir(path) else None

    def add(self, model_dir: str, record: VersionRecord, describe: Callable[[str], None]) -> str:
        """Copies a model into the store. The caller keeps other writers out.

        Args:
            model_dir: Directory of the SavedModel, local or on an object store.
            record: Its digest, facts and card.
            describe: Adds the registry's own description to the copy, given its directory.

        Returns:
            The model's directory; that of the first copy where the digest is known.

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
        with open(os.path.join(incoming, RECORD_FILE), "w", encoding="utf-8") as file:
            json.dump(
                {"digest": record.digest, "blessed": record.blessed, "facts": record.facts}, file, indent=2
            )
        with open(os.path.join(incoming, CARD_FILE), "w", encoding="utf-8") as file:
            file.write(record.card)
        describe(incoming)
        _flush_to_disk(incoming)
        final = os.path.join(self._root, record.digest)
        os.rename(incoming, final)
        return final

    def keep(self, model_dir: str, digest: str) -> str:
        """Copies a model that already has its record, such as a downloaded one, into the store.

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
        except OSError:  # another process was faster: the same files
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
    """The directory of a version, if its model and its record are there.

    Raises:
        RegistryError: If they are not.
    """
    files = (SAVED_MODEL_FILE, RECORD_FILE, CARD_FILE)
    missing = [name for name in files if not os.path.isfile(os.path.join(model_dir, name))]
    if missing:
        lacking = f"lacks {', '.join(missing)}" if os.path.isdir(model_dir) else "is not there"
        raise RegistryError(
            f"The directory of version {number}, {model_dir}, {lacking}. Bring its files back, from a "
            "backup or by mounting the volume, or take another version."
        )
    return model_dir


def read_record(model_dir: str) -> VersionRecord:
    """Reads the record beside a stored model."""
    with open(os.path.join(model_dir, RECORD_FILE), encoding="utf-8") as file:
        values = json.load(file)
    with open(os.path.join(model_dir, CARD_FILE), encoding="utf-8") as file:
        return VersionRecord(values["digest"], values["blessed"], values["facts"], file.read())


def _flush_to_disk(folder: str) -> None:
    """What is renamed must be on the disk first, else a power cut could leave empty files behind a name."""
    for parent, _, files in os.walk(folder):
        for path in [os.path.join(parent, name) for name in files] + [parent]:
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
