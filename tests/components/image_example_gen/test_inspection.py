"""Sources that are certain to fail are refused by their listing, with what to do."""

from typing import Any

import pytest

from tfx_contrastive.components.image_example_gen import IngestConfig, SourceInspection
from tfx_contrastive.components.image_example_gen import inspection as module
from tfx_contrastive.components.image_example_gen.records import Content, Listing
from tfx_contrastive.contract.errors import DataError

INGEST = IngestConfig.model_validate({"source": {"kind": "image_folder", "path": "/images"}})


def listed(labels: Any = (), unlabeled: Any = (), **more: Any) -> Listing:
    return Listing(Content(()), dict(labels), dict(unlabeled), **more)


def inspected(labels: Any = (), unlabeled: Any = (), **more: Any) -> SourceInspection:
    return module.inspect_listing(INGEST, listed(labels, unlabeled, **more))


def test_a_listing_is_counted_and_sorted() -> None:
    found = inspected({"train": {"dog": 3, "cat": 2}, "": {"owl": 1}}, {"train": 4}, warnings=["a hint"])
    assert (found.num_images, found.num_labeled, found.has_labels) == (10, 6, True)
    assert found.class_names == ("cat", "dog", "owl")
    assert list(found.labels["train"]) == ["cat", "dog"]
    assert found.warnings == ["a hint"]
    assert not inspected({}, {"": 3}).has_labels


@pytest.mark.parametrize(
    ("listing", "told"),
    [
        (listed(), "Received image folder /images, in which there is no image; expected images."),
        (
            listed(unusable="3 can't be read, the first of them a.png: no permission"),
            "Received image folder /images, in which no image is usable by its path; expected images. "
            "3 can't be read, the first of them a.png: no permission.",
        ),
        (
            listed({"": {"cat\nx": 3, "dog": 3}}),
            "Received image folder /images with the class 'cat\\nx', whose name holds a line break; expected "
            "names of a single line. Rename it.",
        ),
    ],
)
def test_a_listing_that_can_not_be_used_is_told(listing: Listing, told: str) -> None:
    with pytest.raises(DataError) as caught:
        module.inspect_listing(INGEST, listing)
    assert str(caught.value) == told


def test_one_class_is_told_with_every_warning_as_a_sentence() -> None:
    with pytest.raises(DataError, match="of one class only \\('cat'\\).* A hint\\. Other\\.$"):
        inspected({"": {"cat": 3}}, warnings=["a hint", "other."])
    found = module.inspect_listing(INGEST, listed({"": {"cat": 3}}), is_exact=False)
    assert found.class_names == ("cat",)  # a sample may lack the others


@pytest.mark.parametrize(
    ("labels", "unlabeled", "told"),
    [
        ({"test": {"a": 5, "b": 5}}, {}, "Received 10 images, all of them in test; expected images to train"),
        ({"test": {"a": 5}, "eval": {"b": 5}}, {}, "all of them in eval and test; expected"),
        (
            {"train": {"a": 9, "c": 9}, "test": {"b": 1, "a": 1}},
            {},
            "Received labeled images of 1 of 3 classes in eval or test, but none in train: 'b'; expected",
        ),
        (
            {"train": {"Cat": 9, "dog": 9}, "test": {"cat": 1}},
            {},
            "none in train: 'cat'.* differ only in case",
        ),
        ({"train": {"a": 9, "b": 9}}, {"test": 3}, "The source's own split test has no labeled image"),
        ({"": {"a": 1, "b": 2}}, {}, r"None of the 3 labeled images \(2 classes, 1 to 2 per class\) is left"),
        ({"": {"a": 1, "b": 1}}, {}, r"\(2 classes, 1 per class\) is left for the split eval"),
        (
            {"": {f"{i} x": 1 for i in range(11)}},
            {},
            "Each of the 11 labeled images has a label of its own; expected classes of several images each",
        ),
    ],
)
def test_what_is_certain_to_fail_is_refused(labels: Any, unlabeled: Any, told: str) -> None:
    with pytest.raises(DataError, match=told):
        module.require_enough_labels(inspected(labels, unlabeled))


@pytest.mark.parametrize(
    ("labels", "unlabeled"),
    [
        ({"": {"a": 2, "b": 2}}, {}),
        ({"": {"a": 3, "b": 1}}, {}),  # one class has two to spare
        ({"train": {"a": 1, "b": 1}, "eval": {"a": 1}, "test": {"b": 1}}, {}),
        ({}, {"": 1}),
        ({"train": {"a": 2, "b": 1}, "test": {"a": 1}}, {"train": 50}),
    ],
)
def test_what_may_do_goes_on(labels: Any, unlabeled: Any) -> None:
    inspection = inspected(labels, unlabeled)
    module.require_enough_labels(inspection)
    assert inspection.num_images > 0


def test_many_unknown_classes_are_told_in_short() -> None:
    measured = {f"class {i}" for i in range(8)}
    with pytest.raises(
        DataError, match="of 8 of 20 classes .*: 'class 0', .*, 'class 4'; expected a labeled"
    ):
        module.require_learnt({"class 9"}, measured, 20)
