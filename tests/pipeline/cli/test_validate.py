"""`tfx-contrastive validate` as a process: what it says of data before a run, and its exit status."""

import pathlib
import subprocess
from typing import Any

import numpy as np
import pytest
import yaml

from tests.components.image_example_gen.support import (
    encoded,
    example,
    image_folder,
    picture,
    png,
    write,
    write_records,
)
from tests.pipeline.command import tfx_contrastive


def validate(
    tmp_path: pathlib.Path, kind: str, path: Any, image: Any = (), **source: Any
) -> subprocess.CompletedProcess[str]:
    values = {
        "name": "mine",
        "root": str(tmp_path / "root"),
        "data": {"source": {"kind": kind, "path": str(path), **source}},
        "image": {"height": 12, "width": 16, "channels": 3, **dict(image)},
    }
    write(tmp_path / "mine.yaml", yaml.safe_dump(values).encode())
    return tfx_contrastive("validate", "--config", str(tmp_path / "mine.yaml"))


def test_a_folder(tmp_path: pathlib.Path) -> None:
    image_folder(tmp_path / "data", ["boot", "shoe"], 30)
    write(tmp_path / "data" / "boot" / "empty.png", b"")
    done = validate(tmp_path, "image_folder", tmp_path / "data")
    assert done.returncode == 0, done.stderr
    assert "The configuration mine can be used." in done.stdout
    assert "looked at all of the images: 1.6% would be set aside" in done.stdout
    assert "empty_file: 1, for example boot/empty.png (0 bytes)" in done.stdout
    assert "train about 48 images, 48 labels; eval about 6 images" in done.stdout
    assert not (tmp_path / "root").exists()


def test_few_images(tmp_path: pathlib.Path) -> None:
    image_folder(tmp_path / "data", ["boot", "shoe"], 10)
    done = validate(tmp_path, "image_folder", tmp_path / "data")
    assert done.returncode == 0, done.stderr
    assert "warning: eval gets about 2 images by their hash; with a chance of 14% it gets none" in done.stdout
    assert "a first run takes about " in done.stdout


def test_drawings(tmp_path: pathlib.Path) -> None:
    for name in "ab":
        for i in range(20):
            write(tmp_path / "data" / name / f"{i}.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    done = validate(tmp_path, "image_folder", tmp_path / "data")
    assert done.returncode == 1
    assert "The configuration mine can't be used: Of image folder" in done.stderr
    assert "100.0% of the images would be set aside, but at most 5.0% may be" in done.stderr
    assert "(an SVG drawing: draw it as PNG first" in done.stderr
    assert not done.stdout


def test_drawings_in_the_alpha_channel(tmp_path: pathlib.Path) -> None:
    for name in "ab":
        for i in range(10):
            pixels = np.full((12, 16, 4), 255, np.uint8)
            pixels[..., 3] = picture(i, channels=1)
            write(tmp_path / "data" / name / f"{i}{name}.png", encoded(pixels))
    done = validate(tmp_path, "image_folder", tmp_path / "data")
    assert done.returncode == 1
    assert "but for transparency, all 16x12 pixels are the same" in done.stderr
    assert "try image.background: black" in done.stderr
    assert validate(tmp_path, "image_folder", tmp_path / "data", {"background": "black"}).returncode == 0
    unknown = validate(tmp_path, "image_folder", tmp_path / "data", {"background": "blak"})
    assert (unknown.returncode, "image.background: received 'blak'" in unknown.stderr) == (1, True)


def test_12_bits_in_files_of_16(tmp_path: pathlib.Path) -> None:
    for name in "ab":
        for i in range(10):
            values = np.random.default_rng(i).integers(0, 4096, (12, 16), dtype=np.uint16)
            write(tmp_path / "data" / name / f"{i}.tif", encoded(values, "TIFF"))
    done = validate(tmp_path, "image_folder", tmp_path / "data")
    assert done.returncode == 0
    assert "warning: images of 16 bits per value have none above 4,09" in done.stdout
    assert "16 of 256 levels of gray are left: write image.bit_depth: 12" in done.stdout
    told = validate(tmp_path, "image_folder", tmp_path / "data", {"bit_depth": 12})
    assert (told.returncode, "levels of gray" in told.stdout) == (0, False)


def test_arrays_without_clear_meaning(tmp_path: pathlib.Path) -> None:
    images = np.stack([picture(i) for i in range(8)]) / 255
    images[5, 0, 0] = np.nan
    np.savez(tmp_path / "a.npz", images=images, labels=np.arange(8) % 2)
    done = validate(tmp_path, "npz", tmp_path / "a.npz")
    assert done.returncode == 1
    assert "can't be used: Received the images 'images' of " in done.stderr
    assert "3 values that are NaN or infinite" in done.stderr


def test_records_are_read_without_chatter(tmp_path: pathlib.Path) -> None:
    records = [example(image=png(i), label=("0", "1\t")[i % 2]) for i in range(40)]
    write_records(tmp_path / "x", records, "GZIP")
    done = validate(tmp_path, "tfrecord", tmp_path / "x")
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        "40 images, 40 of them labeled\n  split by hash: 0 20, 1\\t 20\n  warning: the class" in done.stdout
    )
    wrong = validate(tmp_path, "tfrecord", tmp_path / "x", image_feature="picture")
    assert wrong.returncode == 1
    assert "their keys: image (bytes: encoded images), label (bytes)" in wrong.stderr


def scenes(folder: pathlib.Path, splits: Any = ("",)) -> None:
    """60 scenes in four shots each, of two classes by turns, in each of some splits."""
    for number in range(240):
        scene, shot = divmod(number, 4)
        path = folder / splits[shot % len(splits)] / "ab"[scene % 2] / f"{scene:03d}_{shot}.png"
        write(path, encoded(picture(number)))


def validate_scenes(tmp_path: pathlib.Path, source: Any, **data: Any) -> subprocess.CompletedProcess[str]:
    values = {
        "name": "mine",
        "root": str(tmp_path / "root"),
        "data": {"source": source, **data},
        "image": {"height": 12, "width": 16, "channels": 3},
    }
    write(tmp_path / "mine.yaml", yaml.safe_dump(values).encode())
    return tfx_contrastive("validate", "--config", str(tmp_path / "mine.yaml"))


def test_scenes_by_a_pattern(tmp_path: pathlib.Path) -> None:
    scenes(tmp_path / "data", ("train", "test"))
    source = {"kind": "image_folder", "path": str(tmp_path / "data")}
    done = validate_scenes(tmp_path, source, group_pattern=r"^(\d+)_")
    assert done.returncode == 0, done.stderr
    assert (
        "  groups by data.group_pattern: 60 of two images or more, the largest '000' with 4 images\n"
        "  warning: 60 groups have images in several splits of the source, which are kept as they are, such "
        "as 000 in test and train; "
    ) in done.stdout
    done = validate_scenes(tmp_path, source, group_pattern="^(patient)")
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        "data.group_pattern '^(patient)', which matches no image; expected one that is found" in done.stderr
    )
    run = tfx_contrastive("run", "--config", str(tmp_path / "mine.yaml"))
    assert (run.returncode, run.stdout) == (1, "")
    assert "data.group_pattern '^(patient)', which matches no image" in run.stderr
    assert not (tmp_path / "root").exists()


def test_scenes_by_a_column(tmp_path: pathlib.Path) -> None:
    scenes(tmp_path / "data")
    lines = [
        f"{path.parent.name}/{path.name},{path.parent.name},{path.name[:3] if path.name < '050' else ''}"
        for path in sorted((tmp_path / "data").rglob("*.png"))
    ]
    source = {"kind": "csv_manifest", "path": str(tmp_path / "data" / "list.csv")}
    write(tmp_path / "data" / "list.csv", "\n".join(["path,label,scene", *lines]).encode())
    done = validate_scenes(tmp_path, source, group_pattern=r"^(\d+)_")
    assert done.returncode == 0, done.stderr
    assert (
        "  groups by the column 'scene' of the manifest: 50 of two images or more, the largest '000' with 4 "
        "images; 40 images are in none\n"
        "  warning: data.group_pattern is not used: the manifest has a column of groups\n"
    ) in done.stdout
    few = [line.rsplit(",", 1)[0] + f",clinic {number % 2}" for number, line in enumerate(lines)]
    write(tmp_path / "data" / "list.csv", "\n".join(["path,label,scene", *few]).encode())
    done = validate_scenes(tmp_path, source)
    assert done.returncode == 1
    assert (
        "whose images are 2 groups by the column 'scene' of the manifest (the largest is 'clinic 0' with 120 "
        "images); expected at least one for each of train, eval, test, because a group stays in one split. "
        "Make groups smaller, or write data.source.group_column: ''"
    ) in done.stderr


def test_a_pattern_for_images_without_names(tmp_path: pathlib.Path) -> None:
    done = validate_scenes(tmp_path, {"kind": "digits"}, group_pattern=r"^scene(\d+)")
    assert done.returncode == 0, done.stderr
    assert "warning: of " in done.stdout
    assert "which matches no image" in done.stdout


def test_many_classes_are_told_in_one_short_line(tmp_path: pathlib.Path) -> None:
    image_folder(tmp_path / "data", [f"part-{number:02d}" for number in range(30)], 2)
    write(tmp_path / "data" / "part-07" / "3.png", encoded(picture(999)))
    done = validate(tmp_path, "image_folder", tmp_path / "data")
    assert done.returncode == 0, done.stderr
    assert "split by hash: 30 classes of 2 to 3 images: part-00 2, part-01 2, " in done.stdout
    assert done.stdout.count("part-") == 20


@pytest.mark.parametrize(("resize", "is_told"), [("crop", True), ("pad", False)])
def test_what_is_cut_off_is_told_where_it_is_much(tmp_path: pathlib.Path, resize: Any, is_told: Any) -> None:
    for i in range(40):
        height, width = (12, 60) if i < 10 else (12, 20)  # wanted: 12x16, so that 20 keeps four fifths
        write(tmp_path / "data" / "ab"[i % 2] / f"{i}.png", encoded(picture(i, height, width)))
    done = validate(tmp_path, "image_folder", tmp_path / "data", image={"resize": resize})
    assert done.returncode == 0, done.stderr
    told = (
        "crop takes the middle of each image, and of 10 of the 40 that were looked at it leaves out more than"
    )
    assert (told in done.stdout) is is_told
