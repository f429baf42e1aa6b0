"""Rules on the code that import-linter can't check."""

import ast
import pathlib
from collections.abc import Iterator

import pytest

CHECKOUT = pathlib.Path(__file__).parents[1]
FOLDERS = ("contract", "components", "trainer_module", "consumers", "pipeline")
ONE_DOOR = "contract/files.py"
MOST_LINES = 300

# Libraries that open local and remote files: TensorFlow's, TFX's, and those that they stand for.
FILE_LIBRARIES = {"gfile", "file_io", "fileio", "fsspec", "epath", "upath", "smart_open"}


def modules() -> list[pathlib.Path]:
    return sorted(path for folder in FOLDERS for path in (CHECKOUT / folder).rglob("*.py"))


def names_in(tree: ast.AST) -> Iterator[str]:
    """Yield each identifier of a module, and each part of the name of a module that it imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.alias):
            yield from node.name.split(".")
        elif isinstance(node, ast.ImportFrom):
            yield from (node.module or "").split(".")


@pytest.mark.parametrize(
    "code",
    [
        "tf.io.gfile.exists(path)",
        "from tensorflow.io import gfile",
        "import tensorflow.io.gfile as files",
        "import fsspec",
        "from etils.epath import Path",
    ],
)
def test_each_way_to_use_another_library_is_seen(code: str) -> None:
    assert FILE_LIBRARIES & set(names_in(ast.parse(code)))


def test_one_module_opens_local_and_remote_files() -> None:
    """Every other module calls it, so that each scheme works everywhere and errors are the same ones."""
    found = {
        path.relative_to(CHECKOUT).as_posix(): sorted(
            FILE_LIBRARIES & set(names_in(ast.parse(path.read_text(encoding="utf-8"))))
        )
        for path in modules()
    }
    assert found.pop(ONE_DOOR) == ["fsspec", "gfile"]
    assert {name: libraries for name, libraries in found.items() if libraries} == {}


def test_no_module_has_more_than_300_lines() -> None:
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}
    assert len(lines) > 200, "the folders were not found"
    assert {path.name: number for path, number in lines.items() if number > MOST_LINES} == {}
