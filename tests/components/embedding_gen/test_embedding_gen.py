"""EmbeddingGen, run by TFX's executor and Beam, writes exactly these contents."""

import json
import pathlib
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from tfx.types import artifact_utils, channel_utils, standard_artifacts

from tests.components.tiny_models import (
    digit_images,
    embed_with,
    image_id,
    make_example,
    random_kernel,
    save_model,
    write_examples,
)
from tfx_contrastive.components import artifacts
from tfx_contrastive.components.embedding_gen.component import EmbeddingGen
from tfx_contrastive.components.embedding_gen.config import EmbeddingConfig
from tfx_contrastive.components.embedding_gen.executor import Executor
from tfx_contrastive.components.embeddings import store, whitening

KERNEL = random_kernel(2)
IMAGES, NAMES = digit_images(60)
READERS = (store.read_all, store.read_compared)
LABELS = [name if row % 3 else None for row, name in enumerate(NAMES)]


def write_splits(root: Any, num_train: Any) -> None:
    write_examples(root / "Split-train" / "data-0", IMAGES[:11], LABELS[:11])
    write_examples(root / "Split-train" / "data-1", IMAGES[11:num_train], LABELS[11:num_train])
    write_examples(root / "Split-eval" / "data-0", IMAGES[40:], NAMES[40:])


@pytest.fixture(scope="module")
def model_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("model")
    save_model(root / "Format-Serving", KERNEL)
    return str(root)


def run(
    examples_dir: Any, model_uri: Any, out: Any, cache_dir: str = "", batch_size: int = 4, **space: Any
) -> Any:
    examples, model = standard_artifacts.Examples(), standard_artifacts.Model()
    examples.uri, model.uri = str(examples_dir), model_uri
    examples.split_names = artifact_utils.encode_split_names(["train", "eval"])
    artifact = artifacts.Embeddings()
    artifact.uri = str(out)
    config = EmbeddingConfig(batch_size=batch_size, **space).model_dump_json()
    Executor().Do(
        {"examples": [examples], "model": [model]},
        {"embeddings": [artifact]},
        {"embedding": config, "cache_dir": str(cache_dir) if cache_dir else ""},
    )
    return artifact


def rows_by_id(uri: Any) -> dict[Any, Any]:
    rows, vectors = store.read_all(str(uri))
    return {row["image_id"]: (row, vector) for row, vector in zip(rows.to_pylist(), vectors, strict=True)}


def test_every_image_has_its_row(tmp_path: pathlib.Path, model_uri: str) -> None:
    write_splits(tmp_path / "examples", 30)
    artifact = run(tmp_path / "examples", model_uri, tmp_path / "out")
    found = rows_by_id(tmp_path / "out")
    kept = [*range(30), *range(40, 60)]
    assert set(found) == {image_id(IMAGES[row]) for row in kept}
    expected = embed_with(KERNEL, IMAGES)
    for row in kept:
        columns, vector = found[image_id(IMAGES[row])]
        np.testing.assert_allclose(vector, expected[row], atol=1e-6)
        assert columns["split"] == ("train" if row < 40 else "eval")
        assert columns["label"] == (LABELS[row] if row < 40 else NAMES[row])
    first_of_second_file = found[image_id(IMAGES[13])][0]
    assert first_of_second_file["examples_file"] == "Split-train/data-1"
    assert first_of_second_file["record"] == 2
    assert first_of_second_file["source"] == "data-1#2"
    meta = store.read_meta(str(tmp_path / "out"))
    assert (meta.dim, meta.num_images, meta.num_embedded) == (16, {"eval": 20, "train": 30}, 50)
    assert meta.num_labeled == {"eval": 20, "train": 20}
    assert artifact.get_int_custom_property("num_train") == 30
    assert artifact.get_string_custom_property("encoder_fingerprint") == meta.encoder_fingerprint


def test_data_tools_read_the_shards(tmp_path: pathlib.Path, model_uri: str) -> None:
    write_splits(tmp_path / "examples", 30)
    run(tmp_path / "examples", model_uri, tmp_path / "out")
    frame = pq.read_table(tmp_path / "out" / "shards").to_pandas()
    assert list(frame.columns) == [*store.ROW_COLUMNS, "vector"]
    assert frame["vector"].iloc[0].shape == (16,)
    assert frame["label"].isna().sum() == 10


def test_only_new_images_are_embedded(tmp_path: pathlib.Path, model_uri: str) -> None:
    write_splits(tmp_path / "first", 20)
    write_splits(tmp_path / "second", 30)
    run(tmp_path / "first", model_uri, tmp_path / "out1", str(tmp_path / "cache"))
    artifact = run(tmp_path / "second", model_uri, tmp_path / "out2", str(tmp_path / "cache"))
    assert artifact.get_int_custom_property("num_embedded") == 10
    assert artifact.get_int_custom_property("num_reused") == 40
    alone = run(tmp_path / "second", model_uri, tmp_path / "out3")
    assert alone.get_int_custom_property("num_embedded") == 50
    reused, embedded = rows_by_id(tmp_path / "out2"), rows_by_id(tmp_path / "out3")
    assert reused.keys() == embedded.keys()
    for key, (row, vector) in embedded.items():
        assert reused[key][0] == row
        np.testing.assert_allclose(reused[key][1], vector, atol=1e-6)


def test_known_vectors_are_taken_over_not_computed_again(tmp_path: pathlib.Path, model_uri: str) -> None:
    write_splits(tmp_path / "examples", 30)
    run(tmp_path / "examples", model_uri, tmp_path / "out1", str(tmp_path / "cache"))
    shard = tmp_path / "out1" / "shards" / "eval-00000-of-00001.parquet"
    table = store.read_shard(str(shard))
    marked = np.full((table.num_rows, 16), 0.25, np.float32)
    column = table.schema.get_field_index("vector")
    values = store.vector_column(marked)
    store.write_shard([table.set_column(column, table.schema.field(column), values)], str(shard))
    run(tmp_path / "examples", model_uri, tmp_path / "out2", str(tmp_path / "cache"))
    _, vectors = store.read_all(str(tmp_path / "out2"), ["eval"])
    np.testing.assert_array_equal(vectors, marked)


def test_another_encoder_embeds_everything(tmp_path: pathlib.Path, model_uri: str) -> None:
    write_splits(tmp_path / "examples", 20)
    run(tmp_path / "examples", model_uri, tmp_path / "out1", str(tmp_path / "cache"))
    save_model(tmp_path / "other" / "Format-Serving", random_kernel(9))
    artifact = run(tmp_path / "examples", str(tmp_path / "other"), tmp_path / "out2", str(tmp_path / "cache"))
    assert artifact.get_int_custom_property("num_embedded") == 40


def test_vectors_are_kept_as_they_are_and_compared_whitened_by_train(
    tmp_path: pathlib.Path, model_uri: str
) -> None:
    write_splits(tmp_path / "examples", 30)
    artifact = run(tmp_path / "examples", model_uri, tmp_path / "out", whiten="always", whitening_ridge=0.3)
    rows, vectors = store.read_all(str(tmp_path / "out"))
    in_train = np.array([split == "train" for split in rows["split"].to_pylist()])
    fitted = whitening.fit([vectors[in_train]], 0.3)
    assert fitted is not None
    compared, whitened = store.read_compared(str(tmp_path / "out"))
    assert compared.equals(rows)
    np.testing.assert_allclose(whitened, fitted.apply(vectors), atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    assert not np.allclose(whitened, vectors, atol=0.1)
    assert artifact.get_int_custom_property("whitened") == 1


def test_one_encoder_keeps_its_whitening_as_long_as_the_settings_stay(
    tmp_path: pathlib.Path, model_uri: str
) -> None:
    write_splits(tmp_path / "first", 20)
    write_splits(tmp_path / "second", 30)

    def fingerprint(number: Any, examples: Any, **space: Any) -> Any:
        run(tmp_path / examples, model_uri, tmp_path / number, str(tmp_path / "cache"), **space)
        return store.read_meta(str(tmp_path / number)).space.whitening_fingerprint

    first = fingerprint("1", "first", whiten="always")
    assert fingerprint("2", "second", whiten="always") == first
    kept = store.read_whitening(str(tmp_path / "2"))
    assert kept is not None
    assert kept.fingerprint == first
    assert fingerprint("3", "second", whiten="always", whitening_ridge=0.5) not in ("", first)
    (tmp_path / "3" / whitening.WHITENING_FILE).unlink()  # lost: another is fitted
    assert fingerprint("4", "second", whiten="always", whitening_ridge=0.5) not in ("", first)
    assert fingerprint("5", "second", whiten="never") == ""
    assert not (tmp_path / "5" / whitening.WHITENING_FILE).exists()


def test_few_images_are_compared_as_they_are_unless_told_otherwise(
    tmp_path: pathlib.Path, model_uri: str
) -> None:
    write_splits(tmp_path / "examples", 30)
    run(tmp_path / "examples", model_uri, tmp_path / "out")
    space = store.read_meta(str(tmp_path / "out")).space
    assert not space.is_whitened
    assert "30 images of train are 1.9 per dimension" in space.reason
    one, other = (read(str(tmp_path / "out"))[1] for read in READERS)
    np.testing.assert_array_equal(one, other)


def test_embeddings_of_a_former_version_are_compared_as_they_are(
    tmp_path: pathlib.Path, model_uri: str
) -> None:
    write_splits(tmp_path / "examples", 30)
    run(tmp_path / "examples", model_uri, tmp_path / "out", whiten="always")
    meta = json.loads((tmp_path / "out" / "meta.json").read_text())
    del meta["space"]
    (tmp_path / "out" / "meta.json").write_text(json.dumps(meta))
    one, other = (read(str(tmp_path / "out"))[1] for read in READERS)
    np.testing.assert_array_equal(one, other)


def test_lost_former_embeddings_are_no_obstacle(tmp_path: pathlib.Path, model_uri: str) -> None:
    write_splits(tmp_path / "examples", 20)
    run(tmp_path / "examples", model_uri, tmp_path / "out1", str(tmp_path / "cache"))
    (tmp_path / "out1" / "meta.json").unlink()
    artifact = run(tmp_path / "examples", model_uri, tmp_path / "out2", str(tmp_path / "cache"))
    assert artifact.get_int_custom_property("num_embedded") == 40


def test_an_unreadable_image_is_named(tmp_path: pathlib.Path, model_uri: str) -> None:
    import tensorflow as tf

    write_splits(tmp_path / "examples", 20)
    with tf.io.TFRecordWriter(str(tmp_path / "examples" / "Split-train" / "data-2")) as writer:
        writer.write(make_example(b"garbage", "ab" * 32, "bad", None))
    with pytest.raises(Exception, match="can't read these image_ids: " + "ab" * 32):
        run(tmp_path / "examples", model_uri, tmp_path / "out")
    assert not (tmp_path / "out" / "meta.json").exists()


def test_a_vector_that_is_not_finite_stops_the_run(tmp_path: pathlib.Path) -> None:
    kernel = KERNEL.copy()
    kernel[20, 0] = np.nan
    save_model(tmp_path / "model" / "Format-Serving", kernel)
    write_splits(tmp_path / "examples", 20)
    with pytest.raises(Exception, match="are not finite: [0-9a-f]{64}"):
        run(tmp_path / "examples", str(tmp_path / "model"), tmp_path / "out")


def test_missing_shards_are_noticed(tmp_path: pathlib.Path, model_uri: str) -> None:
    write_splits(tmp_path / "examples", 20)
    run(tmp_path / "examples", model_uri, tmp_path / "out")
    (tmp_path / "out" / "shards" / "train-00001-of-00002.parquet").unlink()
    with pytest.raises(ValueError, match="shards are missing"):
        store.read_all(str(tmp_path / "out"))


def test_another_format_version_is_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "meta.json").write_text(json.dumps({"format_version": 0}))
    with pytest.raises(ValueError, match="format version 0; expected 2"):
        store.read_meta(str(tmp_path))


def test_node_wiring() -> None:
    node = EmbeddingGen(
        examples=channel_utils.as_channel([standard_artifacts.Examples()]),
        model=channel_utils.as_channel([standard_artifacts.Model()]),
    )
    assert node.outputs["embeddings"].type is artifacts.Embeddings
    assert json.loads(node.exec_properties["embedding"]) == {
        "batch_size": 256,
        "whiten": "auto",
        "whitening_ridge": 0.3,
    }
