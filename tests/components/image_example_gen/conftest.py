"""Fixtures of the tests of fingerprints."""

import threading
from typing import Any

import pytest

from tfx_contrastive.components.image_example_gen import (
    fingerprints,
)


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that were written a moment ago count as settled."""
    monkeypatch.setattr(fingerprints, "_UNSETTLED_NS", 0)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The paths that are read, in any order."""
    paths, lock, read = [], threading.Lock(), fingerprints._read

    def noted(path: Any, stop: Any) -> Any:
        with lock:
            paths.append(path)
        return read(path, stop)

    monkeypatch.setattr(fingerprints, "_read", noted)
    return paths
