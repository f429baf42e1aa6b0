"""What the installed program says of folders, archives and tables as people have them."""

import pathlib
import subprocess
import zipfile
from typing import Any

from tests.components.image_example_gen.support import encoded, picture, write
from tests.pipeline.command import tfx_contrastive


def validate(tmp_path: pathlib.Path, source: Any) -> subprocess.CompletedProcess[str]:
    config = tmp_path / "mine.yaml"
    config.write_text(
        f"name: mine\nroot: {tmp_path}/root\ndata: {{source: {source}}}\nimage: {{height: 8, width: 8}}\n",
        encoding="utf-8",
    )
    return tfx_contrastive("validate", "--config", str(config))


def test_an_archive_with_wrappers_splits_and_look_alikes(tmp_path: pathlib.Path) -> None:
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        for path in ("README.md", "set/LICENSE", "set/v2/Thumbs.db", "__MACOSX/._set"):
            archive.writestr(path, "text")
        seed = 0
        for split, count in (("Training", 12), ("Testing", 3)):
            for name in ("Boot", "boot", "bag"):
                for i in range(count):
                    archive.writestr(f"set/v2/{split}/{name}/{i}.png", encoded(picture(seed := seed + 1)))
    done = validate(tmp_path, f"{{kind: archive, path: {tmp_path}/data.zip}}")
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert "45 images, 45 of them labeled" in done.stdout
    assert "test: Boot 3, bag 3, boot 3" in done.stdout
    assert "train: Boot 12, bag 12, boot 12" in done.stdout
    assert (
        "passed over, by their names: .md files 1, documents 1, system files 1, system folders 1"
        in done.stdout
    )
    assert "warning: the classes 'Boot' and 'boot' differ only in case" in done.stdout


def test_folders_of_sites_are_asked_about(tmp_path: pathlib.Path) -> None:
    for i, path in enumerate(("a/cat", "a/dog", "b/cat", "b/dog")):
        write(tmp_path / "data" / path / "0.png", encoded(picture(i)))
    done = validate(tmp_path, f"{{kind: image_folder, path: {tmp_path}/data}}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "a/, b/ all hold the same ones, cat/, dog/" in done.stderr
    assert "Write data.source.layout: groups if cat/, dog/ are the classes" in done.stderr


def test_a_manifest_whose_paths_belong_elsewhere(tmp_path: pathlib.Path) -> None:
    for i in range(4):
        write(tmp_path / "data" / "photos" / f"{i}.jpg", encoded(picture(i), "JPEG"))
    table = "Image Id;Label;width\n" + "".join(f"{i};{'ab'[i % 2]};16\n" for i in range(4))
    write(tmp_path / "data" / "list.csv", table.encode())
    done = validate(tmp_path, f"{{kind: csv_manifest, path: {tmp_path}/data/list.csv}}")
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        f"{tmp_path}/data/0: there is no such file. Write data.source.root: {tmp_path}/data/photos"
        in done.stderr
    )
