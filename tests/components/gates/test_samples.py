"""Samples depend on the images alone, not on the files that hold them."""

import pathlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tests.components.tiny_models import digit_images, image_id, png, write_examples
from tfx_contrastive.components.gates.samples import read_samples

IMAGES, NAMES = digit_images(30)
LABELS = [name if row % 3 else None for row, name in enumerate(NAMES)]
BY_ID = sorted(range(30), key=lambda row: image_id(IMAGES[row]))


def write_parts(folder: pathlib.Path, parts: Sequence[Sequence[int]]) -> str:
    for number, rows in enumerate(parts):
        write_examples(folder / f"part-{number}", IMAGES[list(rows)], [LABELS[row] for row in rows])
    return str(folder)


def pngs(rows: Sequence[int]) -> npt.NDArray[np.object_]:
    return np.array([png(IMAGES[row]) for row in rows], object)


def test_samples_are_the_smallest_ids_of_all_and_of_the_labeled_images(tmp_path: pathlib.Path) -> None:
    folder = write_parts(tmp_path / "one", [range(30)])
    every, labeled = read_samples([folder], 7, 5)
    expected = [row for row in BY_ID if LABELS[row]][:5]
    np.testing.assert_array_equal(every.images, pngs(BY_ID[:7]))
    np.testing.assert_array_equal(labeled.images, pngs(expected))
    assert [label.decode() for label in labeled.labels] == [NAMES[row] for row in expected]
    np.testing.assert_array_equal(every.head(2).images, pngs(BY_ID[:2]))
    assert (len(every), len(every.head(2)), len(every.head(100))) == (7, 2, 7)


def test_the_division_into_files_and_directories_does_not_matter(tmp_path: pathlib.Path) -> None:
    one = write_parts(tmp_path / "one", [range(30)])
    many = [
        write_parts(tmp_path / "a", [range(20, 30), range(4)]),
        f"{write_parts(tmp_path / 'b', [range(4, 20)])}/",
    ]
    for expected, found in zip(read_samples([one], 9, 9), read_samples(many, 9, 9), strict=True):
        np.testing.assert_array_equal(expected.examples.shape, found.examples.shape)
        np.testing.assert_array_equal(expected.images, found.images)
        np.testing.assert_array_equal(expected.labels, found.labels)


def test_without_files_the_samples_are_empty() -> None:
    assert [len(sample) for sample in read_samples([], 5, 5)] == [0, 0]
