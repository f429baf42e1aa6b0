"""Labels from a file beside the source: what it may say, and where the labeled images go."""

import pathlib
from typing import Any

import numpy as np
import pytest

from tests.components.image_example_gen.support import (
    encoded,
    image_folder,
    picture,
    read_examples,
    run_ingest,
    write,
)
from tests.components.image_example_gen.test_splits import MEASURED, chunk, config, decisions, digest
from tfx_contrastive.components.image_example_gen import (
    DataError,
    IngestConfig,
    fingerprint,
    inspect_source,
    labels_file,
)
from tfx_contrastive.components.image_example_gen.forecast import check_source
from tfx_contrastive.components.image_example_gen.splits import plan_splits
from tfx_contrastive.components.image_example_gen.survey import survey_source

LEARNT = [("l1", "a", "train"), ("l2", "b", "train")]


def written(tmp_path: pathlib.Path, text: str) -> Any:
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


def plan_with(rows: Any, given: Any, **options: Any) -> Any:
    plan = plan_splits([chunk(rows)], config(**options), {digest(k).tobytes(): v for k, v in given.items()})
    return decisions(plan), plan


def test_the_file_is_read_with_its_notes_passed_over(tmp_path: pathlib.Path) -> None:
    path = written(
        tmp_path, '\ufeffimage_id,source,label,why\n01,x/1.png," boot, left ",near\n02,x/2.png,bag,\n,,,\n'
    )
    found = labels_file.read(path)
    assert (found.key, dict(found.labels)) == ("image_id", {"01": "boot, left", "02": "bag"})


def test_the_file_is_read_as_a_manifest_is(tmp_path: pathlib.Path) -> None:
    for text in (
        "Image_ID;Label\n01;boot\n",
        "image id\tclass\n01\tboot\n",
        "sep=;\nimage_id;label\n01;boot\n",
    ):
        found = labels_file.read(written(tmp_path, text))
        assert (found.key, dict(found.labels)) == ("image_id", {"01": "boot"})
    found = labels_file.read(written(tmp_path, "path,label\nx/1.png,boot\n"))
    assert (found.key, dict(found.labels)) == ("source", {"x/1.png": "boot"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image_id;why\n1;a\n", "the columns image_id, why; expected a first line with label and image_id"),
        ("url,label\n1,a\n", r"the columns url, label; expected"),
        ("", "which is an empty file"),
        ("source,label\n", "labels nothing"),
        (
            "source,label\nx,a\ny,\nz,\n",
            "without label or source in these lines: 3, 4; .*delete the lines that stay",
        ),
        ("source,label\n,a\n", "without label or source in these lines: 2;"),
        ("source,label\nx,a\ny,b\nx,a\n", "names 1 image twice: lines 2 and 4 name x"),
    ],
)
def test_a_wrong_file_is_explained(tmp_path: pathlib.Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        labels_file.read(written(tmp_path, text))


def test_a_missing_file_and_one_in_another_encoding_are_told(tmp_path: pathlib.Path) -> None:
    with pytest.raises(DataError, match="can't be read: .*Correct data.labels_files"):
        labels_file.read(str(tmp_path / "none.csv"))
    (tmp_path / "latin.csv").write_bytes("source,label\nx,Größe\n".encode("latin-1"))
    with pytest.raises(DataError, match="not UTF-8"):
        labels_file.read(str(tmp_path / "latin.csv"))


def test_its_labels_stay_out_of_the_budget_and_take_nobody_s_place() -> None:
    rows = [*MEASURED, *((f"x{i}", "ab"[i % 2], "train") for i in range(40))]
    before, _ = plan_with(rows, {}, labels_per_class=3)
    hidden = [i for i, (split, label) in enumerate(before) if label is None]
    kept = next(i for i, (split, label) in enumerate(before) if split == "train" and label)
    # One label that was hidden and comes back, one that the budget keeps anyway.
    given = {rows[hidden[0]][0]: rows[hidden[0]][1], rows[kept][0]: rows[kept][1]}
    after, plan = plan_with(rows, given, labels_per_class=3)
    expected = list(before)
    expected[hidden[0]] = ("train", rows[hidden[0]][1])
    assert after == expected
    assert (plan.labels_hidden, plan.labels_given) == (len(hidden) - 1, 2)


def test_chosen_images_stay_in_train_and_a_correction_moves_nothing() -> None:
    rows = [(f"p{i}", "ab"[i % 2] if i % 4 else None, "") for i in range(400)]
    before, _ = plan_with(rows, {})
    unlabeled = {name: "a" for name, label, _ in rows if label is None}
    after, _ = plan_with(rows, unlabeled)
    assert [split for split, _ in after] == [split for split, _ in before]
    assert all(after[i] == ("train", "a") for i in range(0, 400, 4))
    measured = next(i for i, (split, _) in enumerate(before) if split == "eval")
    other = "b" if before[measured][1] == "a" else "a"
    corrected, _ = plan_with(rows, {rows[measured][0]: other})
    assert corrected[measured] == ("eval", other)
    assert corrected[:measured] + corrected[measured + 1 :] == before[:measured] + before[measured + 1 :]


def test_a_source_without_labels_is_divided_by_those_of_the_file() -> None:
    rows = [(f"p{i}", None, "") for i in range(300)]
    found, _ = plan_with(rows, {f"p{i}": "ab"[i % 2] for i in range(100)}, labels_per_class=5)
    assert {split for split, label in found if label} == {"train", "eval", "test"}
    assert sum(label is not None for _, label in found) == 100
    assert {split for split, label in found if label is None} == {"train"}


def test_it_settles_copies_with_different_labels() -> None:
    rows = [*MEASURED, *LEARNT, ("x", "a", "train"), ("x", "b", "train")]
    assert plan_with(rows, {})[0][-2:] == [("train", None), (None, "b")]
    assert plan_with(rows, {"x": "b"})[0][-2] == ("train", "b")


def test_an_image_of_test_without_a_label_can_get_one() -> None:
    rows = [*MEASURED, *LEARNT, ("t9", None, "test")]
    assert plan_with(rows, {})[0][-1] == (None, None)
    assert plan_with(rows, {"t9": "a"})[0][-1] == ("test", "a")


def test_images_are_found_by_id_or_source_and_unknown_ones_are_told(tmp_path: pathlib.Path) -> None:
    chunks = [chunk([("x", "a", ""), ("y", "b", "")]), chunk([("x", None, "")], index=1)]
    by_source = labels_file.read(written(tmp_path, "source,label\n0/1,a\n1/0,b\n"))
    assert labels_file.by_image_id(by_source, chunks) == {
        digest("y").tobytes(): "a",
        digest("x").tobytes(): "b",
    }
    by_id = labels_file.read(written(tmp_path, f"image_id,label\n{digest('y').tobytes().hex()},b\n"))
    assert labels_file.by_image_id(by_id, chunks) == {digest("y").tobytes(): "b"}
    with pytest.raises(DataError, match=r"names 1 image that the source doesn't have .*: 7/7 \(line 3\)"):
        labels_file.by_image_id(labels_file.read(written(tmp_path, "source,label\n0/1,a\n7/7,b\n")), chunks)
    with pytest.raises(DataError, match=r"lines 2 and 3 give one picture the labels 'a' and 'b'"):
        labels_file.by_image_id(labels_file.read(written(tmp_path, "source,label\n0/0,a\n1/0,b\n")), chunks)


def test_a_slip_in_a_class_name_is_told_before_anything_runs(tmp_path: pathlib.Path) -> None:
    image_folder(tmp_path / "images", ["boot", "bag"], 2)
    source = {"kind": "image_folder", "path": str(tmp_path / "images")}
    path = written(tmp_path, "source,label\nbag/0.png,Boot\n")
    with pytest.raises(DataError, match="line 2: 'Boot'; expected one of 'bag', 'boot'"):
        inspect_source(IngestConfig(source=source, labels_files=path))


def test_the_file_is_part_of_the_data(tmp_path: pathlib.Path) -> None:
    image_folder(tmp_path / "images", ["unlabeled"], 6)
    source = {"kind": "image_folder", "path": str(tmp_path / "images")}
    lines = [f"unlabeled/{i}.png,{('bag', 'boot')[i % 2]}" for i in range(6)]
    path = written(tmp_path, "\n".join(["source,label", *lines]))
    ingest = IngestConfig(source=source, labels_files=path)
    first = inspect_source(ingest)
    assert (first.class_names, first.num_labeled) == (("bag", "boot"), 0)
    assert first.given_labels == {"bag": 3, "boot": 3}
    written(tmp_path, "\n".join(["source,label", *lines[:-1], "unlabeled/5.png,bag"]))
    without = inspect_source(IngestConfig(source=source))
    contents = (first.content, inspect_source(ingest).content, without.content)
    assert len({fingerprint(content) for content in contents}) == 3


def test_the_examples_have_its_labels(tmp_path: pathlib.Path) -> None:
    image_folder(tmp_path / "images", ["boot", "bag"], 30)
    image_folder(tmp_path / "images", ["unlabeled"], 2, first_seed=9000)
    source = {"kind": "image_folder", "path": str(tmp_path / "images")}
    path = written(tmp_path, "source,label\nunlabeled/1.png,bag\n")
    artifact, _ = run_ingest(IngestConfig(source=source, labels_files=path, labels_per_class=4), tmp_path)
    train = {row["source"].decode(): row.get("label") for row in read_examples(artifact.uri)["train"]}
    assert (train["unlabeled/0.png"], train["unlabeled/1.png"]) == (None, b"bag")
    assert np.unique([label for label in train.values() if label], return_counts=True)[1].tolist() == [5, 4]
    later = tmp_path / "later.csv"
    later.write_text("source,label\nunlabeled/0.png,bag\nunlabeled/1.png,boot\n")
    both = IngestConfig(source=source, labels_files=(path, str(later)), labels_per_class=4)
    (tmp_path / "both").mkdir()
    artifact, _ = run_ingest(both, tmp_path / "both")
    train = {row["source"].decode(): row.get("label") for row in read_examples(artifact.uri)["train"]}
    assert (train["unlabeled/0.png"], train["unlabeled/1.png"]) == (b"bag", b"boot")
    (tmp_path / "again").mkdir()
    wrong = written(tmp_path, "source,label\nunlabeled/7.png,bag\n")
    with pytest.raises(DataError, match="the source doesn't have or that were set aside: unlabeled/7.png"):
        run_ingest(IngestConfig(source=source, labels_files=wrong), tmp_path / "again")


PATHS = {
    "backslashes": "unlabeled\\1.png",
    "case": "Unlabeled/1.PNG",
    "without extension": "unlabeled/1",
    "dots": "./unlabeled/../unlabeled/1.png",
    "absolute": "/home/me/data/unlabeled/1.png",
    "of Windows": "C:\\data\\unlabeled\\1.png",
}


@pytest.mark.parametrize("name", PATHS)
def test_paths_as_people_write_them(tmp_path: pathlib.Path, name: str) -> None:
    sources = ["unlabeled/0.png", "unlabeled/1.png", "a/1.png"]
    file = labels_file.read(written(tmp_path, f"source,label\n{PATHS[name]},bag\n"))
    assert labels_file.resolve(file, sources) == {PATHS[name]: "unlabeled/1.png"}


def test_what_is_not_there_is_told_before_images_are_read(tmp_path: pathlib.Path) -> None:
    image_folder(tmp_path / "images", ["boot", "bag"], 12)
    write(tmp_path / "images" / "boot" / "1.jpg", encoded(picture(99), "JPEG"))
    source = {"kind": "image_folder", "path": str(tmp_path / "images")}
    for line, told in (
        ("elsewhere/1.png", r"names 1 image that .* elsewhere/1.png \(line 2\); .* such as bag/0.png"),
        ("boot/1", "line 2, with boot/1, which may be boot/1.jpg or boot/1.png; expected one image"),
    ):
        ingest = IngestConfig(source=source, labels_files=written(tmp_path, f"source,label\n{line},bag\n"))
        for look in (survey_source, check_source):
            with pytest.raises(DataError, match=told):
                look(ingest)
    ids = written(tmp_path, "image_id,label\nboot-1,bag\n")
    with pytest.raises(DataError, match="line 2 has the image_id boot-1; expected 64 hexadecimal digits"):
        check_source(IngestConfig(source=source, labels_files=ids))


def test_labels_are_looked_up_in_one_set_of_the_classes() -> None:
    class Counted(list[str]):
        num_reads = 0

        def __iter__(self) -> Any:
            Counted.num_reads += 1
            return super().__iter__()

    labels = {str(i): "ab"[i % 2] for i in range(1000)}
    file = labels_file.LabelsFile("labels.csv", "source", labels, dict.fromkeys(labels, 2), "")
    labels_file.check_classes(file, Counted(["a", "b"]))
    assert Counted.num_reads == 1
