import json
import pathlib

import pytest
import tensorflow as tf

from tests.trainer_module.digits_data import (
    digit_pixels,
    encode_png,
    make_example,
    run_transform,
    write_records,
)
from trainer_module.config import EncoderConfig, FineTuneConfig, HeadConfig, ImageConfig
from trainer_module.encoders import save_encoder
from trainer_module.head import stage


@pytest.fixture(scope="module")
def inputs(encoder, tmp_path_factory) -> dict[str, str]:
    root: pathlib.Path = tmp_path_factory.mktemp("stage")
    pixels, labels = digit_pixels(300)
    labelled = [
        make_example(encode_png(image), f"number {label}")
        for image, label in zip(pixels[:100], labels[:100], strict=True)
    ]
    held_out = [
        make_example(encode_png(image), f"number {label}")
        for image, label in zip(pixels[200:], labels[200:], strict=True)
    ]
    unlabelled = [make_example(encode_png(image)) for image in pixels[100:200]]
    config = ImageConfig(height=8, width=8, channels=1)
    run_transform(root / "transform", labelled + unlabelled, config)
    save_encoder(str(root / "encoder"), encoder, EncoderConfig(name="c4n"), (8, 8, 1), [0.3], [0.4])
    write_records(root / "unlabelled" / "data-0", unlabelled)
    return {
        "train_files": [write_records(root / "train" / "data-0", labelled + unlabelled)],
        "eval_files": [write_records(root / "eval" / "data-0", held_out)],
        "transform_dir": str(root / "transform"),
        "encoder_dir": str(root / "encoder"),
    }


def test_writes_a_classifier_and_its_figures(inputs, tmp_path):
    config = HeadConfig(mode="fine_tune", fine_tune=FineTuneConfig(num_steps=3, batch_size=16))
    metrics = stage.run(**inputs, model_dir=str(tmp_path / "model"), config=config)

    written = json.loads((tmp_path / "model" / "assets.extra" / "metrics.json").read_text())
    assert written["labels_per_class"] == metrics.labels_per_class
    assert list(written["labels_per_class"]) == [f"number {digit}" for digit in range(10)]
    assert sum(written["labels_per_class"].values()) == 100
    assert written["temperature"] == metrics.temperature

    model = tf.saved_model.load(str(tmp_path / "model"))
    right = 0.0
    for record in tf.data.TFRecordDataset(inputs["eval_files"]):
        answer = model.signatures["serving_default"](examples=tf.reshape(record, [1]))
        example = tf.train.Example.FromString(record.numpy())
        right += answer["label"].numpy()[0] == example.features.feature["label"].bytes_list.value[0]
    assert right / 100 == pytest.approx(written["eval_accuracy"], abs=1e-6)


def test_without_labels_says_what_to_do(inputs, tmp_path):
    only = {**inputs, "train_files": [inputs["train_files"][0].replace("train", "unlabelled")]}
    with pytest.raises(ValueError, match="none of the 100 training images has a label"):
        stage.run(**only, model_dir=str(tmp_path), config=HeadConfig())


def test_a_folder_without_an_encoder_is_refused(inputs, tmp_path):
    with pytest.raises(ValueError, match=r"encoder\.json"):
        stage.run(**{**inputs, "encoder_dir": str(tmp_path)}, model_dir=str(tmp_path), config=HeadConfig())
