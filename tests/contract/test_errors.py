import copy
import inspect
import pickle
from typing import Any

import pytest

from tfx_contrastive.contract import errors
from tfx_contrastive.contract.errors import (
    ContrastiveError,
    InputError,
    NotFoundError,
    Reason,
    RejectedError,
    UnreadableImagesError,
)

ALL = [
    value
    for value in vars(errors).values()
    if inspect.isclass(value) and issubclass(value, BaseException) and value.__module__ == errors.__name__
]


def test_the_tree_has_one_root() -> None:
    outside = [each.__name__ for each in ALL if not issubclass(each, ContrastiveError)]
    assert outside == ["StoppedError"]


def test_no_handler_of_exceptions_takes_a_stop_for_a_failure() -> None:
    assert not issubclass(errors.StoppedError, Exception)


@pytest.mark.parametrize("kind", InputError.__subclasses__())
def test_pydantic_takes_a_mistake_in_the_input_as_a_value_error(kind: type[InputError]) -> None:
    assert issubclass(kind, ValueError)


def test_an_error_with_a_remedy_ends_with_it() -> None:
    error = NotFoundError("There is no run yet. Start one:", "run")
    assert str(error) == "There is no run yet. Start one: tfx-contrastive run"
    assert (error.told, error.remedy) == ("There is no run yet. Start one:", "run")
    assert isinstance(error, LookupError)


def test_unreadable_images_are_named_up_to_twenty() -> None:
    error = UnreadableImagesError(range(25), "no image")
    assert error.positions == tuple(range(25))
    assert "25 of the images received (positions 0, 1, 2" in str(error)
    assert "19): no image" in str(error)


@pytest.mark.parametrize("travel", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
@pytest.mark.parametrize(
    "error",
    [
        InputError("Received 3."),
        NotFoundError("There is no run yet.", "run"),
        NotFoundError("There is no run yet."),
        UnreadableImagesError([2, 5], "no image"),
    ],
    ids=repr,
)
def test_an_error_keeps_its_text_between_processes(error: Exception, travel: Any) -> None:
    came = travel(error)
    assert (type(came), str(came), vars(came)) == (type(error), str(error), vars(error))


@pytest.mark.parametrize("travel", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_a_rejection_travels_between_processes(travel: object) -> None:
    assert callable(travel)
    error = RejectedError(Reason.BLANK, "one color")
    error.deepest = 3
    came = travel(error)
    assert (came.reason, came.detail, came.deepest) == (Reason.BLANK, "one color", 3)
    assert str(came) == "blank: one color"
