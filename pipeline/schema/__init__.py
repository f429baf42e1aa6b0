"""Curated schemas of the named data sets, and the schema file that a run uses."""

import hashlib
import pathlib
import shutil

FOLDER = pathlib.Path(__file__).parent


def find(name_or_path: str) -> pathlib.Path:
    """The file of a curated schema.

    Args:
        name_or_path: Name of a schema of the package, or the path of a `.pbtxt` file.

    Raises:
        ValueError: If there is no such schema; the text names the known ones.
    """
    bundled = FOLDER / f"{name_or_path}.pbtxt"
    path = bundled if bundled.is_file() else pathlib.Path(name_or_path)
    if not path.is_file():
        known = ", ".join(sorted(schema.stem for schema in FOLDER.glob("*.pbtxt")))
        raise ValueError(
            f"There is no such schema. Give the path of a .pbtxt file, one of these names: {known}; "
            "or null, which infers a schema from the data"
        )
    return path


def staged(name_or_path: str, root: str) -> str:
    """Copies a curated schema to a path named by its content, so that an edit is no cache hit.

    Args:
        name_or_path: As `find` takes it.
        root: The pipeline's root.

    Returns:
        Path of the copy.
    """
    path = find(name_or_path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    copy = pathlib.Path(root) / "schema" / digest / "schema.pbtxt"
    if not copy.is_file():
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    return str(copy)
