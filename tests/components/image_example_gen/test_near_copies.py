"""Near copies between splits: found where a picture was saved again, not where pictures are merely alike."""

import io
import pathlib
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from tests.components.image_example_gen.support import (
    encoded,
    read_examples,
    read_quarantine,
    run_ingest,
    write,
)
from tfx_contrastive.components.image_example_gen import IngestConfig, near_copies


def scene(seed: int, size: Any = 32) -> Any:
    """A smooth picture with fine noise, uint8 [size, size, 3]; another seed gives another."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (5, 5, 3)).astype(np.uint8))
    smooth = np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC)).astype(int)
    return (smooth + random.integers(-6, 7, smooth.shape)).clip(0, 255).astype(np.uint8)


def saved_as_jpeg(image: Any) -> Any:
    return np.asarray(Image.open(io.BytesIO(encoded(image, "JPEG", quality=85))))


def cropped_by_a_pixel(image: Any) -> Any:
    part = Image.fromarray(image[1:, 1:])
    return np.asarray(part.resize(image.shape[1::-1], Image.Resampling.BICUBIC))


def brighter(image: Any) -> Any:
    return (image.astype(int) + 2).clip(0, 255).astype(np.uint8)


def smaller(image: Any) -> Any:
    return np.asarray(Image.fromarray(image).resize((24, 24), Image.Resampling.LANCZOS))


COPIES = (saved_as_jpeg, cropped_by_a_pixel, brighter, smaller)


@pytest.mark.parametrize("copy", COPIES)
def test_a_changed_copy_is_found_at_its_original(copy: Any) -> None:
    originals = [scene(seed) for seed in range(40)]
    others = [copy(scene(seed)) for seed in range(100, 110)]
    queries = [copy(image) for image in originals[::2]] + others
    found = near_copies.find(near_copies.thumbnails(queries), near_copies.thumbnails(originals))
    assert found.tolist() == [*range(0, 40, 2), *[-1] * 10]


@pytest.mark.parametrize("copy", [brighter, saved_as_jpeg])
def test_gray_and_alpha_do_not_matter(copy: Any) -> None:
    gray = [scene(seed)[..., :1] for seed in range(12)]
    queries = [
        np.dstack([copy(np.repeat(image, 3, axis=2)), np.full((32, 32), 7, np.uint8)]) for image in gray
    ]
    found = near_copies.find(near_copies.thumbnails(queries), near_copies.thumbnails(gray))
    assert found.tolist() == list(range(12))


def test_look_alikes_are_no_copies() -> None:
    digits = (load_digits().images * 15).astype(np.uint8)[..., np.newaxis]
    found = near_copies.find(near_copies.thumbnails(digits[1500:]), near_copies.thumbnails(digits[:1500]))
    assert (found >= 0).sum() == 0


def test_another_color_is_another_picture() -> None:
    red, blue = np.full((2, 32, 32, 3), 255, np.uint8)
    red[8:20, 6:22], blue[8:20, 6:22] = (200, 30, 30), (30, 62, 200)
    others = [red, *(scene(seed) for seed in range(12))]
    found = near_copies.find(near_copies.thumbnails([blue, brighter(red)]), near_copies.thumbnails(others))
    assert found.tolist() == [-1, 0]


def test_cells_find_what_exact_search_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    originals = [scene(seed) for seed in range(300)]
    queries = near_copies.thumbnails([saved_as_jpeg(image) for image in originals[:50]])
    monkeypatch.setattr(near_copies, "_EXACT_PAIRS", 0)
    assert near_copies.find(queries, near_copies.thumbnails(originals)).tolist() == list(range(50))


@pytest.mark.parametrize(("queries", "others"), [(0, 3), (3, 0), (2, 1)])
def test_few_images_are_no_trouble(queries: Any, others: Any) -> None:
    thumbs = near_copies.thumbnails([scene(seed) for seed in range(4)])
    assert near_copies.find(thumbs[:queries], thumbs[3 : 3 + others]).tolist() == [-1] * queries


@pytest.fixture(scope="module")
def leaky(tmp_path_factory: Any) -> Any:
    """An image folder with its own splits: 8 of 20 test images are training images saved again."""
    root = tmp_path_factory.mktemp("leaky")
    for row in range(60):
        write(root / "data" / "train" / "ab"[row % 2] / f"{row}.png", encoded(scene(row)))
    for row in range(20):
        image = saved_as_jpeg(scene(row)) if row < 8 else scene(1000 + row)
        write(root / "data" / "test" / "ab"[row % 2] / f"{row}.png", encoded(image))
        write(root / "data" / "eval" / "ab"[row % 2] / f"{row}.png", encoded(scene(2000 + row)))
    config = IngestConfig(source={"kind": "image_folder", "path": str(root / "data")})
    examples, quarantine = run_ingest(config, root)
    return read_examples(examples.uri), read_quarantine(quarantine.uri)[1]


def test_examples_say_whether_they_have_a_near_copy_in_train(leaky: Any) -> None:
    examples, _ = leaky
    copied = {each["source"].decode() for each in examples["test"] if each["near_copy"] == b"train"}
    assert copied == {f"test/{'ab'[row % 2]}/{row}.png" for row in range(8)}
    assert {each["near_copy"] for split in ("train", "eval") for each in examples[split]} == {b"none"}


def test_near_copies_are_counted_and_told(leaky: Any) -> None:
    _, summary = leaky
    assert summary["near_copies"]["counts"] == {"test in train": 8, "eval in train": 0, "test in eval": 0}
    first = summary["near_copies"]["examples"][0]
    assert (first["split"], first["copy_split"]) == ("test", "train")
    assert first["source"].removeprefix("test/") == first["copy_source"].removeprefix("train/")
    (warning,) = summary["warnings"]
    assert warning.startswith("8 of 20 images of test have a near copy in train, such as test/a/")
    assert "data.group_pattern" in warning


def test_drawings_in_alpha_and_few_bits(tmp_path: pathlib.Path) -> None:
    """Black ink that only opacity draws, and data of 12 bits in files of 16."""
    for row in range(40):
        folder = tmp_path / "data" / "ab"[row % 2]
        pixels = np.zeros((32, 32, 4), np.uint8)
        pixels[..., 3] = scene(row).mean(axis=-1)
        write(folder / f"{row}.png", encoded(pixels))
        write(folder / f"{row}.tif", encoded(scene(100 + row)[..., 0].astype(np.uint16) * 16 + 15, "TIFF"))
    config = IngestConfig(source={"kind": "image_folder", "path": str(tmp_path / "data")})
    examples, quarantine = run_ingest(config, tmp_path)
    drawings = [each for split in read_examples(examples.uri).values() for each in split]
    drawings = [each for each in drawings if each["source"].endswith(b".png")]
    assert len(drawings) == 40
    for each in drawings:
        laid = 255 - np.asarray(Image.open(io.BytesIO(each["image"])))[..., 3]
        assert each["brightness"] == pytest.approx(laid.mean() / 255, abs=1e-5)
        assert each["contrast"] == pytest.approx(laid.std() / 255, abs=1e-5)
        assert each["channels"] == 4
    summary = read_quarantine(quarantine.uri)[1]
    assert sum(summary["near_copies"]["counts"].values()) == 0
    (warning,) = summary["warnings"]
    assert "16 of 256 levels of gray are left: write image.bit_depth: 12" in warning


@pytest.mark.parametrize(
    ("count", "images", "is_told"), [(0, 100, False), (1, 20, False), (2, 20, True), (3, 1000, False)]
)
def test_few_copies_are_counted_without_a_warning(count: Any, images: Any, is_told: Any) -> None:
    pair = {"split": "test", "source": "a", "copy_split": "train", "copy_source": "b"}
    near = {"counts": {"test in train": count}, "examples": [pair] if count else []}
    assert bool(near_copies.warning(near, {"test": images})) == is_told


def test_a_shot_that_moved_by_two_of_32_pixels_is_found() -> None:
    scenes = [scene(seed, 34) for seed in range(40)]
    first = near_copies.thumbnails([image[:32, :32] for image in scenes])
    found = near_copies.find(near_copies.thumbnails([image[:32, 2:] for image in scenes]), first)
    assert (found == np.arange(40)).sum() >= 36
    assert set(found[found != np.arange(40)].tolist()) <= {-1}
