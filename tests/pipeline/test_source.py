"""What a run knows of its data before it starts."""

import os
import pathlib
from typing import Any

import pytest

from tests.components.image_example_gen.support import image_folder
from tfx_contrastive.components.image_example_gen import fingerprints, inspect_source
from tfx_contrastive.components.image_example_gen.fingerprints import FILE_NAME
from tfx_contrastive.contract import file_info
from tfx_contrastive.pipeline.config import load_config
from tfx_contrastive.pipeline.source import source_of


@pytest.fixture
def settings(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`--set` values for a folder of images; reading counts as settled at once."""
    monkeypatch.setattr(fingerprints, "_UNSETTLED_NS", 0)
    image_folder(tmp_path / "data", ["cat", "dog"], 12)
    source = f"{{kind: image_folder, path: {tmp_path}/data}}"
    return (f"root={tmp_path}/root", f"data={{source: {source}}}")


def look(settings: Any, *more: Any) -> Any:
    """The source, and how many files were looked at."""
    config, told = load_config("digits", (*settings, *more)), []
    source = source_of(config, inspect_source(config.data), lambda done, total: told.append((done, total)))
    assert told == [(24, 24)]
    return source


def test_digests_are_remembered_under_a_root_that_is_there(tmp_path: pathlib.Path, settings: Any) -> None:
    first = look(settings)
    assert first.has_labels
    assert not (tmp_path / "root").exists()  # `compile` makes no root
    (tmp_path / "root").mkdir()
    assert look(settings) == first
    assert (tmp_path / "root" / FILE_NAME).exists()


def test_verify_reads_all_and_changes_nothing_else(
    tmp_path: pathlib.Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_info, "local_version", lambda _: "as this file system has it")
    (tmp_path / "root").mkdir()
    before = look(settings)
    image = tmp_path / "data" / "cat" / "0.png"
    data = image.read_bytes()
    image.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert look(settings) == before
    assert look(settings, "data.verify=all").fingerprint != before.fingerprint
    plain, verifying = (load_config("digits", (*settings, *more)) for more in ((), ("data.verify=all",)))
    assert verifying.data.verify == "all"
    assert verifying.data.model_dump_json() == plain.data.model_dump_json()  # what ImageExampleGen is given
    assert os.listdir(tmp_path / "root") == [FILE_NAME]
