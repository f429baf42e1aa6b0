"""Signatures and digests, read without loading a model."""

import pathlib

import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tfx_contrastive.components.model.directory import complete_versions, copy_model
from tfx_contrastive.components.model.saved import Signature, TensorSpec, model_digest, read_signatures
from tfx_contrastive.contract import files
from tfx_contrastive.contract.errors import InputError


def write_model(folder: pathlib.Path, tags: tuple[str, ...] = ("serve",)) -> str:
    """A `saved_model.pb` with one signature, without any graph."""
    model = saved_model_pb2.SavedModel()
    graph = model.meta_graphs.add()
    graph.meta_info_def.tags.extend(tags)
    graph.signature_def["__saved_model_init_op"].outputs["ignored"].dtype = tf.int32.as_datatype_enum
    signature = graph.signature_def["embed_bytes"]
    signature.inputs["image_bytes"].dtype = tf.string.as_datatype_enum
    signature.inputs["image_bytes"].tensor_shape.dim.add(size=-1)
    signature.outputs["embedding"].dtype = tf.float32.as_datatype_enum
    for size in (-1, 64):
        signature.outputs["embedding"].tensor_shape.dim.add(size=size)
    signature.outputs["anything"].dtype = tf.float32.as_datatype_enum
    signature.outputs["anything"].tensor_shape.unknown_rank = True
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "saved_model.pb").write_bytes(model.SerializeToString(deterministic=True))
    return str(folder)


def test_signatures_with_dtypes_and_shapes(tmp_path: pathlib.Path) -> None:
    assert read_signatures(write_model(tmp_path)) == {
        "embed_bytes": Signature(
            {"image_bytes": TensorSpec("string", (None,))},
            {"embedding": TensorSpec("float32", (None, 64)), "anything": TensorSpec("float32", None)},
        )
    }


def test_a_graph_for_training_is_not_served(tmp_path: pathlib.Path) -> None:
    assert read_signatures(write_model(tmp_path, tags=("train",))) == {}


def test_an_incomplete_copy_is_explained(tmp_path: pathlib.Path) -> None:
    path = pathlib.Path(write_model(tmp_path)) / "saved_model.pb"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(
        InputError, match=r"saved_model\.pb' can't be read as a SavedModel .* Push the model again"
    ):
        read_signatures(str(tmp_path))


def test_the_digest_is_that_of_names_and_contents(tmp_path: pathlib.Path) -> None:
    first, second = (write_model(tmp_path / name) for name in ("first", "second"))
    digest = model_digest(first)
    assert digest == model_digest(second)
    (tmp_path / "second" / "empty").mkdir()
    (tmp_path / "second" / "version.json").write_text("{}")
    assert model_digest(second, frozenset({"version.json"})) == digest
    assert model_digest(second) != digest
    (tmp_path / "second" / "version.json").unlink()
    (tmp_path / "second" / "variables").mkdir()
    (tmp_path / "second" / "variables" / "version.json").write_text("{}")
    assert model_digest(second, frozenset({"version.json"})) != digest  # only names at the top are ignored
    assert model_digest(second, frozenset({"variables"})) == digest  # a folder with all that is in it


def test_the_digest_tells_names_from_contents(tmp_path: pathlib.Path) -> None:
    for folder, name, content in (("first", "ab", "c"), ("second", "a", "bc")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(content)
    assert model_digest(str(tmp_path / "first")) != model_digest(str(tmp_path / "second"))


def test_a_copy_is_equal_and_its_graph_comes_last(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = pathlib.Path(write_model(tmp_path / "source"))
    (source / "variables").mkdir()
    (source / "variables" / "variables.index").write_bytes(b"weights")
    copied: list[str] = []
    copy = files.copy

    def note_and_copy(path: str, target: str) -> None:
        copied.append(pathlib.Path(path).name)
        copy(path, target)

    monkeypatch.setattr(files, "copy", note_and_copy)
    copy_model(str(source), str(tmp_path / "target"))
    assert copied == ["variables.index", "saved_model.pb"]
    assert model_digest(str(tmp_path / "target")) == model_digest(str(source))


def test_versions_are_numbers_with_a_graph(tmp_path: pathlib.Path) -> None:
    for name in ("7", "10", "latest", "-3", "٣"):
        write_model(tmp_path / name)
    (tmp_path / "11" / "variables").mkdir(parents=True)  # incomplete
    assert [found.version for found in complete_versions(str(tmp_path))] == [10, 7]
    assert complete_versions(str(tmp_path / "absent")) == complete_versions("") == []
