"""Locks between processes; within one process, two open files exclude each other in the same way."""

import pathlib

import pytest

from tfx_contrastive.contract import locking


def test_one_holder_at_a_time(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "folder" / "lock"
    with locking.exclusive(path), path.open("a") as second:
        assert locking.is_held(path)
        assert not locking.acquire(second)
    assert not locking.is_held(path)
    with path.open("a") as second:
        assert locking.acquire(second)
        assert locking.is_held(path)


def test_an_absent_file_is_not_held_and_is_not_created(tmp_path: pathlib.Path) -> None:
    assert not locking.is_held(tmp_path / "lock")
    assert list(tmp_path.iterdir()) == []


def test_a_lock_is_released_after_an_error(tmp_path: pathlib.Path) -> None:
    with pytest.raises(KeyError), locking.exclusive(tmp_path / "lock"):
        raise KeyError
    assert not locking.is_held(tmp_path / "lock")


def test_a_file_in_place_of_the_directory_is_an_error(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"), locking.exclusive(tmp_path / "file" / "lock"):
        pass
