import collections
import json
import os
import pathlib
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from tests.trainer_module.digits_data import digit_pixels, encode_png, make_example
from tests.trainer_module.serving.conftest import MAX_PIXELS
from tests.trainer_module.serving.test_headers import png_header
from tfx_contrastive.contract.signatures import WARM_UP_PATH
from tfx_contrastive.trainer_module.dataset import read_images
from tfx_contrastive.trainer_module.serving.saved_model import export_classifier
from tfx_contrastive.trainer_module.serving.signatures import ImageReader


@pytest.fixture(scope="module")
def signatures(served: Any) -> Iterator[Any]:
    model = tf.saved_model.load(served.classifier_dir)
    yield model.signatures
    del model  # the signatures live as long as the model does


def test_signatures_are_those_of_the_contract(served: Any) -> None:
    classifier = tf.saved_model.load(served.classifier_dir).signatures
    classes = {"probabilities", "label", "all_classes"}
    assert {name: set(fn.structured_outputs) for name, fn in classifier.items()} == {
        "serving_default": classes,
        "classify_bytes": classes,
        "embed_bytes": {"embedding"},
    }
    encoder = tf.saved_model.load(served.encoder_dir).signatures
    assert {name: set(fn.structured_outputs) for name, fn in encoder.items()} == {
        "serving_default": {"embedding"},
        "embed_bytes": {"embedding"},
    }


def test_a_process_with_tensorflow_alone_classifies(served: Any, tmp_path: pathlib.Path) -> None:
    """Without `site`, the project's editable install is out of reach, and other packages are refused."""
    script = """
        import importlib.abc, json, sys
        sys.path += sys.argv[2:]

        class Refusal(importlib.abc.MetaPathFinder):
            def find_spec(self, name, path, target=None):
                if name.split(".")[0] in ("tfx", "tfx_bsl", "tensorflow_transform", "apache_beam"):
                    raise ImportError(name)

        sys.meta_path.insert(0, Refusal())
        import tensorflow as tf
        model = tf.saved_model.load(sys.argv[1])
        image = tf.io.encode_png(tf.cast(tf.reshape(tf.range(64), [8, 8, 1]), tf.uint8))
        answer = model.signatures["classify_bytes"](image_bytes=tf.reshape(image, [1]))
        try:
            import trainer_module
        except ImportError as error:
            refused = str(error)
        print(json.dumps({
            "refused": refused,
            "probabilities": answer["probabilities"].numpy().tolist(),
            "label": answer["label"].numpy()[0].decode(),
            "all_classes": [name.decode() for name in answer["all_classes"].numpy()[0]],
        }))
    """
    site = [path for path in sys.path if path.endswith("site-packages")]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", textwrap.dedent(script), served.classifier_dir, *site],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["refused"] == "No module named 'trainer_module'"
    assert answer["all_classes"] == list(served.names)
    pixels = tf.reshape(tf.cast(tf.range(64), tf.uint8), [8, 8, 1])
    here = tf.saved_model.load(served.classifier_dir).signatures["classify_bytes"](
        image_bytes=tf.reshape(tf.io.encode_png(pixels), [1])
    )
    np.testing.assert_allclose(answer["probabilities"], here["probabilities"], rtol=1e-5)
    assert answer["label"] == served.names[int(np.argmax(answer["probabilities"][0]))]


def test_training_and_serving_see_the_same_pixels_bit_by_bit(served: Any) -> None:
    trained_on = read_images([served.records], served.transform).images
    reader = ImageReader(served.transform, MAX_PIXELS)
    from_bytes = tf.function(reader.pixels_of_bytes)(tf.constant(served.images))
    examples = [make_example(image) for image in served.images]
    from_examples = tf.function(reader.pixels_of_examples)(tf.constant(examples))
    assert trained_on.dtype == np.uint8
    assert from_bytes.dtype == tf.uint8
    np.testing.assert_array_equal(from_bytes, trained_on)
    np.testing.assert_array_equal(from_examples, trained_on)


def test_probabilities_are_those_of_the_model_on_the_trainers_pixels(served: Any, signatures: Any) -> None:
    pixels = read_images([served.records], served.transform).images

    @tf.function
    def predict(images: Any) -> Any:
        return tf.nn.softmax(served.head(served.encoder(images, training=False), training=False))

    answer = signatures["classify_bytes"](image_bytes=tf.constant(served.images))
    np.testing.assert_allclose(answer["probabilities"], predict(tf.constant(pixels)), rtol=1e-5, atol=1e-7)
    best = np.argmax(answer["probabilities"], axis=1)
    assert [name.decode() for name in answer["label"].numpy()] == [served.names[row] for row in best]


def test_embedding_has_length_one_and_is_the_encoders(served: Any) -> None:
    embed = tf.saved_model.load(served.encoder_dir)
    examples = tf.constant([make_example(image) for image in served.images])
    embedding = embed.signatures["serving_default"](examples=examples)["embedding"].numpy()
    h = served.encoder(read_images([served.records], served.transform).images, training=False).numpy()
    np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(embedding, h / np.linalg.norm(h, axis=1, keepdims=True), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("count", [0, 1, 512])
def test_any_batch_size(signatures: Any, served: Any, count: Any) -> None:
    images = tf.constant((served.images * 13)[:count], tf.string)
    answer = signatures["classify_bytes"](image_bytes=images)
    assert answer["probabilities"].shape == (count, 3)
    assert answer["all_classes"].shape == (count, 3)
    assert answer["label"].shape == (count,)
    np.testing.assert_allclose(np.sum(answer["probabilities"], axis=1), np.ones(count), rtol=1e-5)
    examples = tf.constant([make_example(image) for image in images.numpy()], tf.string)
    np.testing.assert_array_equal(signatures["serving_default"](examples=examples)["label"], answer["label"])


def test_label_and_other_features_change_nothing(signatures: Any, served: Any) -> None:
    image = served.images[0]
    plain, labeled = make_example(image), make_example(image, "no class of ours")
    requests = [tf.constant([plain, second]) for second in (plain, labeled)]
    found = [signatures["serving_default"](examples=request)["probabilities"] for request in requests]
    np.testing.assert_array_equal(*found)


def _grey_as(kind: str) -> bytes:
    gray = digit_pixels(1)[0][0]
    rgb = np.stack([gray] * 3, axis=-1)
    alpha = np.full_like(gray, 255)[..., np.newaxis]
    return {
        "rgb": lambda: encode_png(rgb),
        "rgba": lambda: encode_png(np.concatenate([rgb, alpha], axis=-1)),
        "gray_alpha": lambda: encode_png(np.concatenate([gray[..., np.newaxis], alpha], axis=-1)),
    }[kind]()


@pytest.mark.parametrize("kind", ["rgb", "rgba", "gray_alpha"])
def test_other_channel_counts_are_converted(served: Any, kind: Any) -> None:
    reader = ImageReader(served.transform, MAX_PIXELS)
    gray, other = reader.pixels_of_bytes(tf.constant([encode_png(digit_pixels(1)[0][0]), _grey_as(kind)]))
    np.testing.assert_allclose(tf.cast(other, tf.int32), tf.cast(gray, tf.int32), atol=1)


def test_formats_may_be_mixed_in_one_request(signatures: Any) -> None:
    pixels = np.repeat(digit_pixels(1)[0][0].repeat(4, 0).repeat(4, 1)[..., np.newaxis], 3, axis=-1)
    images = [encode_png(pixels), tf.io.encode_jpeg(pixels, quality=100).numpy()]
    probabilities = signatures["classify_bytes"](image_bytes=tf.constant(images))["probabilities"].numpy()
    np.testing.assert_allclose(probabilities[0], probabilities[1], atol=0.02)


def _truncated(image: bytes) -> bytes:
    return image[: len(image) // 2]


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda _: b"", r"not an encoded image .*positions in the request.*\[1\]"),
        (lambda _: b"<html>", r"not an encoded image .*positions in the request.*\[1\]"),
        (_truncated, "PNG"),
        (lambda image: image[:8] + b"\0" * 40, "PNG"),
        (lambda _: b"\xff\xd8\xff" + b"\0" * 40, "JPEG"),
    ],
)
def test_a_corrupt_image_is_named_and_the_next_request_is_answered(
    signatures: Any, served: Any, broken: Any, message: str
) -> None:
    good = served.images[0]
    for name, argument, wrap in (
        ("classify_bytes", "image_bytes", lambda image: image),
        ("serving_default", "examples", make_example),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            signatures[name](**{argument: tf.constant([wrap(good), wrap(broken(good))])})
        assert signatures[name](**{argument: tf.constant([wrap(good)])})["label"].shape == (1,)


@pytest.mark.parametrize("shape", [(1000, 101), (40_000, 40_000)])
def test_a_pixel_bomb_is_refused_before_it_is_decoded(signatures: Any, served: Any, shape: Any) -> None:
    good, bomb = served.images[0], png_header(*shape)
    for name, argument, wrap in (
        ("classify_bytes", "image_bytes", lambda image: image),
        ("embed_bytes", "image_bytes", lambda image: image),
        ("serving_default", "examples", make_example),
    ):
        message = r"more than 100,000 pixels.*positions in the request:.*\[1\]"
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            signatures[name](**{argument: tf.constant([wrap(good), wrap(bomb)])})
        signatures[name](**{argument: tf.constant([wrap(good)])})


def test_the_largest_image_allowed_is_answered(signatures: Any) -> None:
    image = encode_png(np.zeros((100, 1000), np.uint8))
    assert signatures["classify_bytes"](image_bytes=tf.constant([image]))["label"].shape == (1,)


def test_an_example_without_an_image_is_named(signatures: Any) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"image .*required"):
        signatures["serving_default"](examples=tf.constant([tf.train.Example().SerializeToString()]))


def test_names_must_fit_the_head(served: Any, tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match=r"3 logits, but 2 class names"):
        export_classifier(
            str(tmp_path), served.encoder, served.head, ("a", "b"), served.transform, MAX_PIXELS
        )


def requests_of(model_dir: Any) -> Iterator[Any]:
    """The requests as TF Serving reads them."""
    assert os.path.join("assets.extra", "tf_serving_warmup_requests") == WARM_UP_PATH  # TF Serving's name
    for record in tf.data.TFRecordDataset(os.path.join(model_dir, WARM_UP_PATH)).as_numpy_iterator():
        log = prediction_log_pb2.PredictionLog.FromString(record)
        assert log.WhichOneof("log_type") == "predict_log"
        yield log.predict_log.request


@pytest.mark.parametrize("kind", ["encoder", "classifier"])
def test_every_signature_answers_its_requests(served: Any, kind: Any) -> None:
    model_dir = getattr(served, f"{kind}_dir")
    model = tf.saved_model.load(model_dir)
    sizes = collections.defaultdict(list)
    for request in requests_of(model_dir):
        name = request.model_spec.signature_name
        signature = model.signatures[name]
        inputs = {key: tf.constant(tf.make_ndarray(value)) for key, value in request.inputs.items()}
        assert set(inputs) == set(signature.structured_input_signature[1])
        (rows,) = {len(value) for value in inputs.values()}
        for answer in signature(**inputs).values():
            assert len(answer) == rows
            if answer.dtype == tf.float32:
                assert np.isfinite(answer).all()
        sizes[name].append(rows)
    assert dict(sizes) == {name: [1, 3, 64] for name in model.signatures}


def test_two_exports_of_one_model_warm_up_alike(served: Any) -> None:
    """The registry tells models apart by a digest of their files."""
    first, second = (
        [request for request in requests_of(directory) if request.model_spec.signature_name == "embed_bytes"]
        for directory in (served.encoder_dir, served.classifier_dir)
    )
    assert first == second
