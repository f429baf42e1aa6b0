"""Requests to stop within one process; `test_stopping.py` has the signals."""

import threading

import pytest

from tfx_contrastive.contract import stopping
from tfx_contrastive.contract.errors import StoppedError


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_requested", "_keeping"):
        monkeypatch.setattr(stopping, name, threading.Event())


def test_a_request_stays_and_there_is_no_reason_to_wait_for_other_code() -> None:
    assert not stopping.requested()
    assert not stopping.request()
    assert stopping.requested()


def test_a_stage_that_keeps_its_work_is_waited_for_until_it_ends() -> None:
    with stopping.keeping():
        assert stopping.request()
    assert not stopping.request()
    assert stopping.requested()


def test_a_stage_that_fails_is_no_longer_waited_for() -> None:
    with pytest.raises(StoppedError), stopping.keeping():
        raise StoppedError
    assert not stopping.request()


def test_the_exit_code_is_that_of_a_terminated_process() -> None:
    assert stopping.EXIT_CODE == 143
