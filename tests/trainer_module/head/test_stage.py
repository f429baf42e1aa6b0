import dataclasses
import importlib.util
import json
import pathlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from tests.trainer_module.digits_data import (
    digit_pixels,
    encode_png,
    make_example,
    run_transform,
    write_records,
)
from tfx_contrastive.contract.errors import ConfigError
from tfx_contrastive.trainer_module.config import (
    EncoderConfig,
    ExportConfig,
    FineTuneConfig,
    HeadConfig,
    ImageConfig,
    ServingConfig,
)
from tfx_contrastive.trainer_module.dataset import ImageFiles
from tfx_contrastive.trainer_module.encoders.build import save_encoder
from tfx_contrastive.trainer_module.head import stage


@pytest.fixture(scope="module")
def inputs(encoder: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root: pathlib.Path = tmp_path_factory.mktemp("stage")
    pixels, labels = digit_pixels(300)
    labeled = [
        make_example(encode_png(image), f"number {label}")
        for image, label in zip(pixels[:100], labels[:100], strict=True)
    ]
    held_out = [
        make_example(encode_png(image), f"number {label}")
        for image, label in zip(pixels[200:], labels[200:], strict=True)
    ]
    unlabeled = [make_example(encode_png(image)) for image in pixels[100:200]]
    config = ImageConfig(height=8, width=8, channels=1)
    run_transform(root / "transform", labeled + unlabeled, config)
    save_encoder(str(root / "encoder"), encoder, EncoderConfig(name="c4n"), (8, 8, 1), [0.3], [0.4])
    write_records(root / "unlabeled" / "data-0", unlabeled)
    return {
        "files": ImageFiles(
            train=[write_records(root / "train" / "data-0", labeled + unlabeled)],
            evaluation=[write_records(root / "eval" / "data-0", held_out)],
            transform_dir=str(root / "transform"),
        ),
        "encoder_dir": str(root / "encoder"),
    }


CONFIG = HeadConfig(mode="fine_tune", fine_tune=FineTuneConfig(num_steps=3, batch_size=16))


@pytest.fixture(scope="module")
def exported(inputs: Any, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Directory of a model with every export for which the packages are there."""
    formats = ["tflite", "tflite_int8"]
    if importlib.util.find_spec("tf2onnx") and importlib.util.find_spec("onnxruntime"):
        formats.append("onnx")
    path = tmp_path_factory.mktemp("exported") / "model"
    serving = ServingConfig(export=ExportConfig(formats=formats, representative_images=50))
    stage.run(**inputs, model_dir=str(path), config=CONFIG, serving=serving)
    return path


def test_writes_a_classifier_and_its_figures(inputs: Any, tmp_path: pathlib.Path) -> None:
    serving = ServingConfig(image=ImageConfig(bit_depth=12))
    metrics = stage.run(**inputs, model_dir=str(tmp_path / "model"), config=CONFIG, serving=serving)

    told = json.loads((tmp_path / "model" / "assets.extra" / "image.json").read_text())
    assert (told["bit_depth"], told["background"]) == (12, "white")
    assert not (tmp_path / "model" / "assets.extra" / "exports").exists()
    written = json.loads((tmp_path / "model" / "assets.extra" / "metrics.json").read_text())
    assert written["labels_per_class"] == metrics.labels_per_class
    assert list(written["labels_per_class"]) == [f"number {digit}" for digit in range(10)]
    assert sum(written["labels_per_class"].values()) == 100
    assert written["temperature"] == metrics.temperature

    model = tf.saved_model.load(str(tmp_path / "model"))
    right = 0.0
    for record in tf.data.TFRecordDataset(inputs["files"].evaluation):
        answer = model.signatures["serving_default"](examples=tf.reshape(record, [1]))
        example = tf.train.Example.FromString(record.numpy())
        right += answer["label"].numpy()[0] == example.features.feature["label"].bytes_list.value[0]
    assert right / 100 == pytest.approx(written["eval_accuracy"], abs=1e-6)


def eval_pixels() -> NDArray[Any]:
    """The images of `eval` as whoever uses an export decodes them."""
    return digit_pixels(300)[0][200:, ..., np.newaxis]


@pytest.mark.parametrize(
    ("format_", "name", "probability_tolerance", "least_cosine"),
    [
        ("tflite", "model.tflite", 1e-4, 0.99999),
        ("tflite_int8", "model_int8.tflite", 0.2, 0.95),
        ("onnx", "model.onnx", 1e-4, 0.99999),
    ],
)
def test_exports_agree_with_the_saved_model(
    exported: Any, format_: Any, name: str, probability_tolerance: Any, least_cosine: Any
) -> None:
    pixels = eval_pixels()
    path = exported / "assets.extra" / "exports" / name
    if format_ == "onnx":
        onnxruntime = pytest.importorskip("onnxruntime")
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        answer = dict(zip(names, session.run(None, {"pixels": pixels}), strict=True))
        classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
    else:
        answer = tf.lite.Interpreter(model_path=str(path)).get_signature_runner()(pixels=pixels)
    report = json.loads(path.with_name(f"{name}.json").read_text())

    model = tf.saved_model.load(str(exported))
    images = tf.constant([encode_png(image) for image in pixels])
    served = model.signatures["classify_bytes"](image_bytes=images)
    embedding = model.signatures["embed_bytes"](image_bytes=images)["embedding"].numpy()
    probabilities = served["probabilities"].numpy()
    np.testing.assert_allclose(answer["probabilities"], probabilities, atol=probability_tolerance)
    cosine = np.sum(answer["embedding"] * embedding, axis=1)
    assert cosine.min() > least_cosine

    assert report["format"] == format_
    assert report["num_bytes"] == path.stat().st_size
    assert report["input"] == {"pixels": {"dtype": "uint8", "shape": [None, 8, 8, 1]}}
    assert report["outputs"]["probabilities"] == {"dtype": "float32", "shape": [None, 10]}
    assert report["classes"] == [name.decode() for name in served["all_classes"].numpy()[0]]
    if format_ == "onnx":
        assert classes == report["classes"]
    measured = report["eval"]
    labels = digit_pixels(300)[1][200:]
    ours, theirs = (np.argmax(side, axis=1) for side in (answer["probabilities"], probabilities))
    assert (measured["num_images"], measured["num_labeled"]) == (100, 100)
    assert measured["accuracy"] == pytest.approx(np.mean(ours == labels))
    assert measured["accuracy_loss"] == pytest.approx(np.mean(theirs == labels) - np.mean(ours == labels))
    assert measured["same_label"] == pytest.approx(np.mean(ours == theirs))
    difference = np.abs(answer["probabilities"] - probabilities).max()
    assert measured["max_probability_difference"] == pytest.approx(difference, abs=1e-5)
    assert measured["min_cosine"] == pytest.approx(cosine.min(), abs=1e-5)


def test_eight_bits_are_a_quarter_of_thirty_two(exported: Any) -> None:
    folder = exported / "assets.extra" / "exports"
    assert (folder / "model_int8.tflite").stat().st_size < 0.35 * (folder / "model.tflite").stat().st_size
    details = tf.lite.Interpreter(str(folder / "model_int8.tflite")).get_tensor_details()
    assert sum(detail["dtype"] is np.int8 for detail in details) > 10


def test_a_format_without_its_packages_is_refused_before_training(
    inputs: Any, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    serving = ServingConfig(export=ExportConfig(formats=("onnx",)))
    message = r"needs tf2onnx, onnx, onnxruntime: pip install 'tfx-contrastive\[onnx\]'"
    with pytest.raises(ConfigError, match=message):
        stage.run(**inputs, model_dir=str(tmp_path / "model"), config=CONFIG, serving=serving)
    assert not (tmp_path / "model").exists()


def test_without_labels_says_what_to_do(inputs: Any, tmp_path: pathlib.Path) -> None:
    unlabeled = [inputs["files"].train[0].replace("train", "unlabeled")]
    only = {**inputs, "files": dataclasses.replace(inputs["files"], train=unlabeled)}
    with pytest.raises(ValueError, match="none of the 100 training images has a label"):
        stage.run(**only, model_dir=str(tmp_path), config=HeadConfig(), serving=ServingConfig())


def test_a_folder_without_an_encoder_is_refused(inputs: Any, tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match=r"encoder\.json"):
        stage.run(
            **{**inputs, "encoder_dir": str(tmp_path)},
            model_dir=str(tmp_path),
            config=HeadConfig(),
            serving=ServingConfig(),
        )
