"""A few images of a source, without a pipeline."""

import io
import pathlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.components.image_example_gen.support import encoded, image_folder, picture, write
from tfx_contrastive.components.image_example_gen import IngestConfig
from tfx_contrastive.components.image_example_gen.samples import sample_images
from tfx_contrastive.contract.errors import DataError


def folder(path: Any) -> Any:
    return IngestConfig.model_validate({"source": {"kind": "image_folder", "path": str(path)}})


def test_every_part_of_a_folder_has_its_turn(tmp_path: pathlib.Path) -> None:
    image_folder(tmp_path, ["cat", "dog", "owl"], 32)
    sample = sample_images(folder(tmp_path), 6, seed=0)
    assert {image.label for image in sample.images} == {"cat", "dog", "owl"}
    assert len({image.source for image in sample.images}) == 6
    assert sample.rejected == {}
    for image in sample.images:
        assert image.encoded == (tmp_path / image.source).read_bytes()


def test_a_small_source_gives_what_it_has_and_counts_what_it_can_not_use(tmp_path: pathlib.Path) -> None:
    image_folder(tmp_path, ["cat", "dog"], 2)
    write(tmp_path / "cat" / "empty.png", b"")
    write(tmp_path / "dog" / "blank.png", encoded(np.full((8, 8, 3), 7, np.uint8)))
    sample = sample_images(folder(tmp_path), 100, seed=0)
    assert len(sample.images) == 4
    assert sample.rejected == {"empty_file": 1, "blank": 1}


def test_images_kept_for_eval_and_test_are_left_out(tmp_path: pathlib.Path) -> None:
    for split in ("train", "eval", "test"):
        write(tmp_path / split / "cat" / "1.png", encoded(picture(1)))
    sample = sample_images(folder(tmp_path), 10, seed=0)
    assert [image.source for image in sample.images] == ["train/cat/1.png"]


def test_an_array_gives_png_of_its_pixels(tmp_path: pathlib.Path) -> None:
    pixels = np.stack([picture(seed, channels=1) for seed in range(40)])
    pixels[3] = 9
    np.savez(tmp_path / "a.npz", images=pixels, labels=np.arange(40) % 2)
    source = {"kind": "npz", "path": str(tmp_path / "a.npz")}
    sample = sample_images(IngestConfig.model_validate({"source": source}), 39, seed=1)
    assert sample.rejected in ({"blank": 1}, {})
    for image in sample.images:
        number = int(image.source.rpartition("/")[2])
        assert image.label == str(number % 2)
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(image.encoded))), pixels[number])


def test_an_array_is_blank_where_the_model_would_see_one_color(tmp_path: pathlib.Path) -> None:
    pixels = np.stack([picture(seed, channels=4) for seed in range(3)])
    pixels[..., 3] = 255
    pixels[1, ..., 3] = 0  # all colors are transparent
    np.savez(tmp_path / "a.npz", images=pixels)
    source = {"kind": "npz", "path": str(tmp_path / "a.npz")}
    sample = sample_images(
        IngestConfig.model_validate({"source": source, "seen_as": {"channels": 3}}), 3, seed=0
    )
    assert [image.source for image in sample.images] == ["images/0", "images/2"]
    assert sample.rejected == {"blank": 1}


def test_nothing_usable_is_told_with_the_reasons(tmp_path: pathlib.Path) -> None:
    write(tmp_path / "cat" / "1.png", b"")
    with pytest.raises(DataError, match=r"no image can be trained on \(empty_file 1\)"):
        sample_images(folder(tmp_path), 3, seed=0)
