"""What is known before a pipeline runs: of the data, and of the code that will work on it."""

import dataclasses
import functools
import hashlib
import importlib.resources
import pathlib

from components.image_example_gen import SourceInspection


@dataclasses.dataclass(frozen=True)
class Source:
    """What is known of the data before the pipeline runs.

    Attributes:
        fingerprint: Changes when the data does, or the code that reads it; decides whether
            ImageExampleGen is cached.
        class_names: The classes, sorted; empty where only the data itself can tell.
        has_labels: Whether any image has a label; without one there is no classifier to train.
    """

    fingerprint: str
    class_names: tuple[str, ...] = ()
    has_labels: bool = True


def source_of(inspection: SourceInspection) -> Source:
    """The source as the pipeline wants to know it."""
    fingerprint = f"{inspection.fingerprint}-{code_digest('components')}"
    return Source(fingerprint, tuple(inspection.class_names), inspection.has_labels)


@functools.cache
def code_digest(package: str) -> str:
    """Digest of a package's sources.

    TFX knows functions named by dotted path, and components, by their names only: without this,
    a change of the code would still be answered from the cache.
    """
    folder = pathlib.Path(str(importlib.resources.files(package)))
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
