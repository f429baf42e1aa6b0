"""The directory of numeric model versions that the Pusher writes and TF Serving watches.

`<serving_dir>/<version>/saved_model.pb`, the greatest version being the model in use. A version counts
once its `saved_model.pb` is there: the Pusher copies that file last, so a version without it is half
written (or was left behind by a kill) and every function here looks past it.
"""

import dataclasses
import logging
import posixpath

SAVED_MODEL_FILE = "saved_model.pb"

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


def signature_outputs(model_dir: str, signature: str) -> frozenset[str]:
    """Names the outputs of a SavedModel's signature without loading the model.

    Args:
        model_dir: Directory that holds `saved_model.pb`.
        signature: Name of the signature, such as `serving_default`.

    Returns:
        The output names; empty if the model has no such signature.

    Raises:
        ValueError: If `saved_model.pb` can't be parsed, as after an interrupted copy.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2
    from tensorflow.io import gfile

    path = posixpath.join(model_dir, SAVED_MODEL_FILE)
    model = saved_model_pb2.SavedModel()
    try:
        with gfile.GFile(path, "rb") as file:
            model.ParseFromString(file.read())
    except DecodeError as error:
        raise ValueError(
            f"{path!r} is not a SavedModel ({error}): a cut-off copy? Push the model again."
        ) from error
    names: set[str] = set()
    for graph in model.meta_graphs:
        if "serve" in graph.meta_info_def.tags:
            names.update(graph.signature_def[signature].outputs if signature in graph.signature_def else ())
    return frozenset(names)
