import pathlib
from typing import Any

import numpy as np
import pytest

from tests.trainer_module.digits_data import (
    digit_pixels,
    encode_png,
    make_example,
    run_transform,
    write_records,
)
from tfx_contrastive.trainer_module.config import ImageConfig
from tfx_contrastive.trainer_module.dataset import read_images
from tfx_contrastive.trainer_module.preprocessing import channel_statistics

CONFIG = ImageConfig(height=8, width=8, channels=1)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Any:
    directory = tmp_path_factory.mktemp("dataset")
    pixels, digits = digit_pixels(1200)
    examples = [
        make_example(encode_png(one), str(digit) if row % 3 == 0 else None)
        for row, (one, digit) in enumerate(zip(pixels, digits, strict=True))
    ]
    paths = [
        write_records(directory / "Split-train" / f"data-{index}", examples[index::2]) for index in range(2)
    ]
    order = np.concatenate([np.arange(0, 1200, 2), np.arange(1, 1200, 2)])
    output = run_transform(directory / "graph", examples[:100], CONFIG)
    return paths, output, pixels[order][..., np.newaxis], np.where(order % 3 == 0, digits[order], -1)


def test_reads_every_image_in_order(written: Any) -> None:
    paths, output, pixels, labels = written
    dataset = read_images(paths, output)
    assert dataset.images.dtype == np.uint8
    np.testing.assert_array_equal(dataset.images, pixels)
    np.testing.assert_array_equal(dataset.label_index, labels)
    assert dataset.image_shape == (8, 8, 1)
    assert dataset.image_id[0] == encode_png(pixels[0])[-20:]
    mean, std = channel_statistics(output)
    np.testing.assert_array_equal(dataset.mean, mean)
    np.testing.assert_array_equal(dataset.std, std)


def test_pattern_reads_the_same(written: Any) -> None:
    paths, output, pixels, _ = written
    dataset = read_images([paths[0][:-1] + "*"], output)
    np.testing.assert_array_equal(dataset.images, pixels)


def test_beyond_the_limit_pixels_are_on_disk(
    written: Any, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, output, pixels, _ = written
    monkeypatch.setattr("tfx_contrastive.trainer_module.dataset._MAX_BATCH", 100)
    monkeypatch.setattr("tfx_contrastive.trainer_module.dataset._MIB", 1000)
    dataset = read_images(paths, output, cache_limit_mb=20, cache_dir=str(tmp_path / "cache"))
    assert isinstance(dataset.images, np.memmap)
    np.testing.assert_array_equal(dataset.images, pixels)
    assert list((tmp_path / "cache").iterdir()) == []  # nothing is left behind


def test_labeled_images(written: Any) -> None:
    paths, output, pixels, labels = written
    labeled = read_images(paths, output).labeled()
    np.testing.assert_array_equal(labeled.images, pixels[labels >= 0])
    np.testing.assert_array_equal(labeled.label_index, labels[labels >= 0])


def test_no_file(written: Any) -> None:
    with pytest.raises(ValueError, match="no file matches"):
        read_images(["/nowhere/data-*"], written[1])


def test_no_image_in_the_files(written: Any, tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match="contain no image"):
        read_images([write_records(tmp_path / "empty", [])], written[1])
