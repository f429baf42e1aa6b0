"""CSV manifests."""

import pytest

from components.image_example_gen import DataError, IngestConfig, inspect_source
from components.image_example_gen.adapters import adapter_for
from components.image_example_gen.records import Reason
from tests.components.image_example_gen.support import encoded, picture, write


def manifest(tmp_path, text, **source):
    write(tmp_path / "data" / "list.csv", text.encode())
    path = str(tmp_path / "data" / "list.csv")
    return IngestConfig(source={"kind": "csv_manifest", "path": path, **source})


def images(ingest, tmp_path):
    adapter = adapter_for(ingest.source, 2**20)
    return [image for chunk in adapter.chunks(str(tmp_path / "s"), 2) for image in adapter.read(chunk)]


def test_manifest(tmp_path):
    for name in ("a.png", "sub/b.png", "c.png"):
        write(tmp_path / "data" / name, encoded(picture(len(name))))
    ingest = manifest(
        tmp_path, 'path,label,split\na.png,"Größe 38, rot/blau",train\nsub/b.png,x,test\nc.png,,\n'
    )
    found = inspect_source(ingest)
    assert found.labels == {"train": {"Größe 38, rot/blau": 1}, "test": {"x": 1}}
    assert found.unlabelled == {"": 1}
    assert [(i.source, i.label, i.split, i.data) for i in images(ingest, tmp_path)] == [
        ("a.png", "Größe 38, rot/blau", "train", encoded(picture(5))),
        ("sub/b.png", "x", "test", encoded(picture(9))),
        ("c.png", None, "", encoded(picture(5))),
    ]


def test_manifest_paths_that_can_not_be_read(tmp_path):
    write(tmp_path / "secret.png", encoded(picture(1)))
    write(tmp_path / "data" / "a.png", encoded(picture(1)))
    (tmp_path / "data" / "link.png").symlink_to(tmp_path / "secret.png")
    text = f"path\n../secret.png\n{tmp_path}/secret.png\nlink.png\nnone.png\n{tmp_path}/data/a.png\n"
    found = images(manifest(tmp_path, text), tmp_path)
    outside, missing = Reason.OUTSIDE_ROOT, Reason.UNREADABLE
    assert [i.rejected and i.rejected[0] for i in found] == [outside, outside, outside, missing, None]
    assert not any(i.data for i in found[:4])


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("file,label\na.png,x\n", "columns file, label; expected a first line with `path`"),
        ("path,lable\na.png,x\n", "columns path, lable"),
        ("path,split\na.png,trian\n", "line 2 has the split 'trian'"),
        ("path,label\na.png,x,y\n", "line 2 has more fields"),
        ("path,label\n,x\n", "line 2 has no path"),
        ("path,label\n", "expected one an image|lists nothing"),
        ("", r"columns \(none\)"),
    ],
)
def test_manifest_errors(tmp_path, text, error):
    with pytest.raises(DataError, match=error):
        inspect_source(manifest(tmp_path, text))
