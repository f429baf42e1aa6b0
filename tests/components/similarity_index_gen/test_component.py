import pathlib
from typing import Any

import numpy as np
import pytest
from tfx.types import channel_utils

from tests.components.embeddings_data import write_embeddings
from tfx_contrastive.components import artifacts
from tfx_contrastive.components.embeddings import store
from tfx_contrastive.components.similarity_index_gen.component import SimilarityIndexGen
from tfx_contrastive.components.similarity_index_gen.config import IndexConfig
from tfx_contrastive.components.similarity_index_gen.index import SimilarityIndex


def run(uri: Any, out: Any, index: str = "{}") -> Any:
    source, target = artifacts.Embeddings(), artifacts.SimilarityIndex()
    source.uri, target.uri = str(uri), str(out)
    SimilarityIndexGen.test_call(embeddings=source, similarity_index=target, index=index)
    return target


def test_the_index_holds_every_embedding(tmp_path: pathlib.Path) -> None:
    vectors, ids = write_embeddings(tmp_path / "embeddings", {"train": 50, "eval": 20})
    artifact = run(tmp_path / "embeddings", tmp_path / "index")
    index = SimilarityIndex.load(str(tmp_path / "index"))
    rows, similarities = index.search(vectors, "f" * 64, 1)
    assert [index.rows["image_id"][int(row)].as_py() for row in rows[:, 0]] == ids
    np.testing.assert_allclose(similarities, 1.0, atol=1e-5)
    assert artifact.get_string_custom_property("kind") == index.description.kind == "exact"
    assert artifact.get_int_custom_property("num_images") == 70
    assert artifact.get_string_custom_property("encoder_fingerprint") == "f" * 64
    assert index.description.examples_uri == store.read_meta(str(tmp_path / "embeddings")).examples_uri


def test_splits_can_be_chosen(tmp_path: pathlib.Path) -> None:
    write_embeddings(tmp_path / "embeddings", {"train": 50, "eval": 20})
    run(tmp_path / "embeddings", tmp_path / "index", IndexConfig(splits=("eval",)).model_dump_json())
    rows = SimilarityIndex.load(str(tmp_path / "index")).rows
    assert set(rows["split"].to_pylist()) == {"eval"}
    assert rows.num_rows == 20


def test_a_split_that_is_not_there_is_told(tmp_path: pathlib.Path) -> None:
    write_embeddings(tmp_path / "embeddings", {"train": 5})
    with pytest.raises(ValueError, match=r"splits \['dev'\]; .* has rows of these: train"):
        run(tmp_path / "embeddings", tmp_path / "index", IndexConfig(splits=("dev",)).model_dump_json())


def test_node_wiring() -> None:
    node = SimilarityIndexGen(embeddings=channel_utils.as_channel([artifacts.Embeddings()]), index="{}")
    assert node.outputs["similarity_index"].type is artifacts.SimilarityIndex
