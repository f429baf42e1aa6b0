import io
import pathlib
import shutil
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.components.image_example_gen.support import rgb_tiff
from tests.components.similarity_index_gen.conftest import KERNEL
from tests.components.tiny_models import embed_with, image_id, png, random_kernel, save_model
from tfx_contrastive.components.model.served import ServedModel
from tfx_contrastive.components.similarity_index_gen.index import SimilarityIndex
from tfx_contrastive.consumers.drawing import contact_sheet
from tfx_contrastive.consumers.search import ImageSearch, Neighbor
from tfx_contrastive.contract.errors import InputError, UnreadableImagesError


@pytest.fixture(scope="module")
def search(indexed: Any) -> Any:
    return ImageSearch.open(indexed.index_uri)


def test_neighbors_are_those_of_the_vectors(search: Any, indexed: Any) -> None:
    vectors = embed_with(KERNEL, indexed.images)
    found = search.neighbors([png(indexed.images[row]) for row in (3, 90)], k=5)
    for row, neighbors in zip((3, 90), found, strict=True):
        expected = np.argsort(-(vectors @ vectors[row]))[:5]
        assert [each.image_id for each in neighbors] == [image_id(indexed.images[e]) for e in expected]
        np.testing.assert_allclose(
            [each.similarity for each in neighbors], np.sort(vectors @ vectors[row])[::-1][:5], atol=1e-5
        )
        assert [each.label for each in neighbors] == [indexed.labels[e] for e in expected]
    assert found[1][0].split == "eval"


def test_a_label_restricts(search: Any, indexed: Any) -> None:
    (found,) = search.neighbors([png(indexed.images[0])], k=4, label="digit 7")
    assert [each.label for each in found] == ["digit 7"] * 4


def test_no_image_no_neighbors(search: Any) -> None:
    assert search.neighbors([]) == []


def test_garbage_is_told(search: Any) -> None:
    with pytest.raises(UnreadableImagesError, match="positions 0"):
        search.neighbors([b"garbage"])


def test_images_of_neighbors_are_those_that_were_indexed(search: Any, indexed: Any) -> None:
    (found,) = search.neighbors([png(indexed.images[10])], k=20)
    images = search.images_of(found)
    expected = {image_id(image): png(image) for image in indexed.images}
    assert images == {each.image_id: expected[each.image_id] for each in found}


def test_uploads_of_16_bits_are_read_as_the_model_was_trained(indexed: Any, tmp_path: pathlib.Path) -> None:
    """The file beside the model states its bit depth; formats that can't be cut to it are refused."""
    model_dir = save_model(tmp_path / "model", KERNEL)
    upload = io.BytesIO()
    Image.fromarray(indexed.images[3].astype(np.uint16) << 4).save(upload, "TIFF")  # 12 bits
    query, expected = upload.getvalue(), embed_with(KERNEL, indexed.images[3:4])[0]
    (dark,) = ImageSearch.open(indexed.index_uri, model_dir).neighbors([query], k=1)
    (tmp_path / "model" / "assets.extra").mkdir()
    (tmp_path / "model" / "assets.extra" / "image.json").write_text('{"bit_depth": 12}')
    search = ImageSearch.open(indexed.index_uri, model_dir)
    ((found,),) = search.neighbors([query], k=1)
    assert found.image_id == image_id(indexed.images[3])
    assert found.similarity == pytest.approx(float(expected @ expected), abs=1e-5)
    assert dark[0].similarity < found.similarity - 1e-4  # 16 gray levels
    with pytest.raises(UnreadableImagesError, match="TIFF of 16 bits and several channels"):
        search.neighbors([rgb_tiff(np.full((8, 8, 3), 4000, np.uint16))])


def test_lost_examples_are_told(indexed: Any, tmp_path: pathlib.Path) -> None:
    shutil.copytree(indexed.index_uri, tmp_path / "index")
    text = (tmp_path / "index" / "index.json").read_text()
    (tmp_path / "index" / "index.json").write_text(text.replace("/examples", "/elsewhere"))
    search = ImageSearch.open(str(tmp_path / "index"))
    (found,) = search.neighbors([png(indexed.images[0])], k=1)
    with pytest.raises(ValueError, match="is not there any more"):
        search.images_of(found)


def test_a_model_with_another_encoder_is_refused(indexed: Any, tmp_path: pathlib.Path) -> None:
    model_dir = save_model(tmp_path / "model", random_kernel(9))
    with pytest.raises(InputError, match="similarities between them mean nothing"):
        ImageSearch.open(indexed.index_uri, model_dir)
    with pytest.raises(InputError):
        ImageSearch(SimilarityIndex.load(indexed.index_uri), ServedModel(model_dir))


def test_an_encoder_with_another_head_is_welcome(indexed: Any, tmp_path: pathlib.Path) -> None:
    search = ImageSearch.open(indexed.index_uri, save_model(tmp_path / "model", KERNEL))
    assert search.neighbors([png(indexed.images[0])], k=1)[0][0].image_id == image_id(indexed.images[0])


def neighbor(label: Any) -> Any:
    return Neighbor(0.5, label or "none", "a.png", "train", label, "file", 0)


def test_the_sheet_has_a_row_for_each_query_and_shows_the_images() -> None:
    red = io.BytesIO()
    Image.new("RGB", (4, 4), (200, 0, 0)).save(red, "PNG")
    queries = [("a.png", red.getvalue()), ("a rather long name of a file.png", b"damaged")]
    found = [[neighbor("x"), neighbor(None)], [neighbor("a/ö label that is too long for its tile")]]
    sheet = Image.open(io.BytesIO(contact_sheet(queries, found, {"x": red.getvalue()})))
    assert sheet.format == "PNG"
    one_row = Image.open(io.BytesIO(contact_sheet(queries[:1], found[:1], {})))
    assert sheet.height > one_row.height
    assert sheet.width == one_row.width
    pixels = np.asarray(sheet)
    centers = [pixels[12 + 48, 12 + 48 + column * 104].tolist() for column in range(3)]
    assert centers == [[200, 0, 0], [200, 0, 0], [255, 255, 255]]
