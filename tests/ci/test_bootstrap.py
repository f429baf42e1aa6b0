"""Setting up without a Python that fits: the message says which would do and how to get one."""

import importlib.util
import pathlib
import subprocess
import sys
from typing import Any

import pytest

CHECKOUT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def bootstrap() -> Any:
    """`ci/bootstrap.py` as a module of its own."""
    spec = importlib.util.spec_from_file_location("bootstrap", CHECKOUT / "ci" / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def message(bootstrap: Any) -> str:
    with pytest.raises(SystemExit) as ended:
        bootstrap.find_python()
    return str(ended.value.code)


def test_a_named_interpreter_that_does_not_start(bootstrap: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON", "/no/such/python")
    text = message(bootstrap)
    assert text.startswith("tfx-contrastive set-up: PYTHON=/no/such/python does not start. ")
    assert "this project runs on Python 3.10" in text
    assert "uv python install 3.10" in text


def test_a_named_interpreter_of_another_version(bootstrap: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON", "python3.9")
    monkeypatch.setattr(bootstrap, "version_of", lambda _: (3, 9))
    assert "PYTHON=python3.9 is Python 3.9. " in message(bootstrap)


def test_no_interpreter_that_fits(bootstrap: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHON", raising=False)
    monkeypatch.setattr(bootstrap, "version_of", lambda _: None)
    own = f"this one is Python {sys.version_info[0]}.{sys.version_info[1]}"
    assert f"no fitting Python interpreter was found ({own}). With glibc" in message(bootstrap)


@pytest.mark.parametrize(
    ("glibc", "names"), [((2, 36), "3.10"), ((2, 39), "3.10, 3.11, 3.12, 3.13"), ((0, 0), "3.10")]
)
def test_the_versions_that_would_do_depend_on_the_c_library(
    bootstrap: Any, monkeypatch: pytest.MonkeyPatch, glibc: tuple[int, int], names: str
) -> None:
    monkeypatch.setattr(bootstrap, "glibc_version", lambda: glibc)
    assert f"this project runs on Python {names}.\n" in bootstrap.advice(bootstrap.fitting_versions())


def test_the_first_that_fits_is_taken(bootstrap: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHON", raising=False)
    monkeypatch.setattr(bootstrap, "glibc_version", lambda: (2, 36))
    monkeypatch.setattr(bootstrap, "candidates", lambda _: iter(["/old", None, "/broken", "/good"]))
    monkeypatch.setattr(bootstrap, "version_of", {"/old": (3, 8), "/broken": None, "/good": (3, 10)}.get)
    assert bootstrap.find_python() == ("/good", (3, 10))


def test_a_machine_without_any_python(tmp_path: pathlib.Path) -> None:
    for name in ("make", "sh", "grep"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    done = subprocess.run(
        ["/usr/bin/make", "setup"], cwd=CHECKOUT, env={"PATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "no python3 was found. Python 3.10 does everywhere" in done.stderr
    assert "uv python install 3.10" in done.stderr
