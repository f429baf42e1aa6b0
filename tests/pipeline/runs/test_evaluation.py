from typing import Any

import pytest

from tfx_contrastive.pipeline.runs.evaluation import near_copy_warning


def slices(copies: Any, without: Any, accuracy: Any = 0.983) -> Any:
    """Metrics as TFMA has them: a slice without an image is not there."""
    found = {
        "": (accuracy, copies + without),
        "near_copy:train": (1.0, copies),
        "near_copy:none": (0.5123, without),
    }
    return {name: {"accuracy": value, "example_count": float(n)} for name, (value, n) in found.items() if n}


@pytest.mark.parametrize(
    ("copies", "without", "told"),
    [
        (
            870,
            30,
            "test accuracy 0.983; 0.512 on the 30 images without a near copy in train. Remove the copies",
        ),
        (89, 1, "test accuracy 0.983; 0.512 on the image without a near copy in train. "),
        (20, 1980, "test accuracy 0.983; 0.512 on the 1,980 images without a near copy in train. "),
        (
            90,
            0,
            "test accuracy 0.983, but each of its 90 images has a near copy in train: it says nothing about ",
        ),
        (19, 1981, ""),
        (1, 9, ""),
        (0, 90, ""),
        (0, 0, ""),
    ],
)
def test_accuracies_side_by_side(copies: Any, without: Any, told: Any) -> None:
    warning = near_copy_warning("test", slices(copies, without))
    assert warning.startswith(told)
    assert bool(warning) == bool(told)
    if told:
        assert warning.endswith("with data.group_pattern or a manifest's column `group`")


def test_evaluations_of_former_versions_have_no_such_slice() -> None:
    assert near_copy_warning("test", {"": {"accuracy": 0.9, "example_count": 90.0}}) == ""
