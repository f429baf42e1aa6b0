"""Real exports have the fingerprint of their encoder: a new head or limit embeds no image anew."""

import pathlib
from typing import Any

from tests.trainer_module.serving.conftest import MAX_PIXELS
from tfx_contrastive.components.model.fingerprint import encoder_fingerprint
from tfx_contrastive.trainer_module.serving.saved_model import export_encoder


def test_a_classifier_has_the_fingerprint_of_its_encoder(served: Any) -> None:
    assert encoder_fingerprint(served.classifier_dir) == encoder_fingerprint(served.encoder_dir)


def test_the_pixel_limit_does_not_change_the_fingerprint(served: Any, tmp_path: pathlib.Path) -> None:
    export_encoder(str(tmp_path / "model"), served.encoder, served.transform, MAX_PIXELS + 1)
    assert encoder_fingerprint(str(tmp_path / "model")) == encoder_fingerprint(served.encoder_dir)
