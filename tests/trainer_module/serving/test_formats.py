import json
import pathlib
import shutil
from typing import Any

import keras
import numpy as np
import pytest

from tfx_contrastive.contract.signatures import EXPORTS_DIR
from tfx_contrastive.trainer_module.config import EncoderConfig, ExportConfig
from tfx_contrastive.trainer_module.dataset import read_images
from tfx_contrastive.trainer_module.encoders.bodies import BODIES
from tfx_contrastive.trainer_module.encoders.build import build_encoder, mirrored
from tfx_contrastive.trainer_module.serving.conversion import freeze, run_tflite, to_tflite
from tfx_contrastive.trainer_module.serving.formats import Parts, write_exports


def test_an_encoder_alone_is_exported_without_classes(served: Any, tmp_path: pathlib.Path) -> None:
    model_dir = tmp_path / "model"
    shutil.copytree(served.encoder_dir, model_dir)
    evaluation = read_images([served.records], served.transform)
    config = ExportConfig(formats=("tflite", "tflite"))
    parts = Parts(served.encoder)
    write_exports(str(model_dir), parts, evaluation.images, evaluation, [served.records], config)
    folder = model_dir / EXPORTS_DIR
    assert sorted(path.name for path in folder.iterdir()) == ["model.tflite", "model.tflite.json"]
    report = json.loads((folder / "model.tflite.json").read_text())
    assert report["classes"] == []
    assert report["outputs"] == {"embedding": {"dtype": "float32", "shape": [None, 128]}}
    assert report["eval"]["num_labeled"] == 20
    assert report["eval"]["min_cosine"] == pytest.approx(1, abs=1e-5)
    for name in ("accuracy", "accuracy_loss", "same_label", "max_probability_difference"):
        assert report["eval"][name] is None


@pytest.mark.parametrize(
    ("name", "form"),
    [*((name, None) for name in BODIES if name.endswith("n")), ("c4n", mirrored)],
)
def test_every_encoder_can_be_converted(name: str, form: Any) -> None:
    keras.utils.set_random_seed(0)
    encoder = build_encoder(EncoderConfig(name=name), (16, 12, 3), [0.3] * 3, [0.4] * 3)
    encoder = form(encoder) if form else encoder
    images = np.random.default_rng(0).integers(0, 256, (20, 16, 12, 3)).astype(np.uint8)
    model = freeze(encoder, None, (16, 12, 3))
    expected = model.predict(images)["embedding"].numpy()
    h = encoder(images, training=False).numpy()
    np.testing.assert_allclose(expected, h / np.linalg.norm(h, axis=1, keepdims=True), atol=1e-5)
    exact = run_tflite(to_tflite(model), images)["embedding"]
    np.testing.assert_allclose(exact, expected, atol=1e-4)
    eight_bits = run_tflite(to_tflite(model, images), images)["embedding"]
    assert np.sum(eight_bits * expected, axis=1).min() > 0.95
