import pathlib
from typing import Any

import numpy as np
import pytest

from tests.components.tiny_models import digit_images, embed_with, png, random_kernel, save_model
from tfx_contrastive.components.model.saved import LoadedModel
from tfx_contrastive.components.model.served import ServedModel
from tfx_contrastive.contract.errors import InputError, UnreadableImagesError

KERNEL = random_kernel(1)


@pytest.fixture(scope="module")
def images() -> Any:
    return digit_images(23)[0]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Any:
    head = np.random.default_rng(0).normal(size=(16, 3)).astype(np.float32)
    path = save_model(tmp_path_factory.mktemp("model") / "classifier", KERNEL, head, ["a b", "c/ö", "d"])
    return ServedModel(path, batch_size=5), head


def test_batches_come_back_in_order(classifier: Any, images: Any) -> None:
    vectors = classifier[0].embed([png(image) for image in images])
    np.testing.assert_allclose(vectors, embed_with(KERNEL, images), atol=1e-6)


def test_no_image_gives_no_vector(classifier: Any) -> None:
    assert classifier[0].embed([]).shape == (0, 16)


def test_unreadable_images_are_named_by_position(classifier: Any, images: Any) -> None:
    encoded = [png(image) for image in images]
    encoded[7] = b"no image"
    encoded[21] = b""
    with pytest.raises(UnreadableImagesError) as caught:
        classifier[0].embed(encoded)
    assert caught.value.positions == (7,)  # the first batch that fails ends the stream


def test_classes_are_those_of_the_head(classifier: Any, images: Any) -> None:
    model, head = classifier
    found = model.classify([png(image) for image in images[:4]])
    logits = embed_with(KERNEL, images[:4]) @ head
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-5)
    assert found.names == ("a b", "c/ö", "d")
    assert found.labels == tuple(found.names[row] for row in expected.argmax(axis=1))


def test_an_encoder_can_not_classify(tmp_path: pathlib.Path, images: Any) -> None:
    model = ServedModel(save_model(tmp_path / "encoder", KERNEL))
    assert not model.is_classifier
    with pytest.raises(ValueError, match="trained without labels"):
        model.classify([png(images[0])])


def test_more_images_than_a_batch_are_refused_for_classes(classifier: Any, images: Any) -> None:
    with pytest.raises(ValueError, match="Received 6 images; expected 5 at most"):
        classifier[0].classify([png(image) for image in images[:6]])


def test_a_loaded_model_is_called_in_batches(tmp_path: pathlib.Path) -> None:
    images = [png(image) for image in digit_images(5)[0]]
    model = LoadedModel(save_model(tmp_path / "model", random_kernel(0)))
    assert model.signatures == {"embed_bytes": ["embedding"]}
    whole = model.call("embed_bytes", images)
    assert whole.keys() == {"embedding"}
    assert whole["embedding"].shape == (5, 16)
    np.testing.assert_allclose(
        model.call("embed_bytes", images, 2)["embedding"], whole["embedding"], atol=1e-6
    )
    assert model.call("embed_bytes", [])["embedding"].shape == (0, 16)
    assert [tuple(variable.shape) for variable in model.variables("embed_bytes")] == [(64, 16)]


def test_a_signature_that_is_required_and_absent_is_explained(tmp_path: pathlib.Path) -> None:
    model = LoadedModel(save_model(tmp_path / "model", random_kernel(0)))
    model.require("embed_bytes", "embedding", "")
    told = (
        r"the signatures \{'embed_bytes': \['embedding'\]\}; expected 'embed_bytes' with the output 'h'\. Do"
    )
    with pytest.raises(InputError, match=told):
        model.require("embed_bytes", "h", "Do it.")
    with pytest.raises(InputError, match="expected 'classify_bytes' with the output 'label'"):
        model.require("classify_bytes", "label", "")
