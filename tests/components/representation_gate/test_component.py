"""RepresentationGate and CombinedBlessing, run by TFX's executor, bless as the Pusher reads it."""

import json
import pathlib
from typing import Any

import pydantic
import pytest
from tfx.components.util import model_utils
from tfx.types import artifact_utils, channel_utils, standard_artifacts

from tests.components.representation_gate.conftest import conv_encoder, save_encoder
from tfx_contrastive.components import artifacts
from tfx_contrastive.components.combined_blessing.component import CombinedBlessing
from tfx_contrastive.components.representation_gate.component import RepresentationGate
from tfx_contrastive.components.representation_gate.config import GateConfig


def run(splits: Any, model_uri: Any, tmp_path: pathlib.Path, gate: Any) -> tuple[Any, Any]:
    examples = standard_artifacts.Examples()
    examples.uri = splits["train"][0].rsplit("/", 1)[0]
    examples.split_names = artifact_utils.encode_split_names(list(splits))
    model, blessing = standard_artifacts.Model(), standard_artifacts.ModelBlessing()
    report = artifacts.RepresentationReport()
    model.uri, blessing.uri, report.uri = model_uri, str(tmp_path / "blessing"), str(tmp_path / "report")
    RepresentationGate.test_call(
        examples=examples, model=model, representation=report, blessing=blessing, gate=gate
    )
    return report, blessing


def test_an_untrained_encoder_leaves_an_artifact_that_the_pusher_refuses(
    splits: dict[Any, Any], tmp_path: pathlib.Path
) -> None:
    encoder = conv_encoder(0)
    save_encoder(tmp_path / "model" / "Format-Serving", encoder, encoder)
    gate = GateConfig(num_views=100).model_dump_json()
    report, blessing = run(splits, str(tmp_path / "model"), tmp_path, gate)
    assert not model_utils.is_model_blessed(blessing)
    assert [path.name for path in (tmp_path / "blessing").iterdir()] == ["NOT_BLESSED"]
    assert blessing.get_string_custom_property("current_model") == str(tmp_path / "model")
    content = json.loads((tmp_path / "report" / "metrics.json").read_text())
    assert report.get_string_custom_property("reason") == "; ".join(content["reasons"]) != ""
    assert report.get_float_custom_property("effective_rank") == content["figures"]["effective_rank"]


def test_a_refusal_switched_off_by_configuration_blesses(
    splits: dict[Any, Any], tmp_path: pathlib.Path
) -> None:
    encoder = conv_encoder(0)
    save_encoder(tmp_path / "model" / "Format-Serving", encoder, encoder)
    waived = dict.fromkeys(
        (
            "min_knn_gain",
            "min_linear_probe_gain",
            "min_knn_margin_over_pixels",
            "min_linear_probe_margin_over_pixels",
        )
    )
    gate = GateConfig(num_views=100, **waived).model_dump_json()
    report, blessing = run(splits, str(tmp_path / "model"), tmp_path, gate)
    assert model_utils.is_model_blessed(blessing)
    assert [path.name for path in (tmp_path / "blessing").iterdir()] == ["BLESSED"]
    assert report.get_int_custom_property("blessed") == 1


def test_a_typo_in_the_configuration_is_refused(splits: dict[Any, Any], tmp_path: pathlib.Path) -> None:
    with pytest.raises(pydantic.ValidationError, match="min_rank"):
        run(splits, str(tmp_path), tmp_path, '{"min_rank": 3}')


def test_node_wiring() -> None:
    examples = channel_utils.as_channel([standard_artifacts.Examples()])
    model = channel_utils.as_channel([standard_artifacts.Model()])
    node = RepresentationGate(examples=examples, model=model, gate="{}")
    assert node.outputs["representation"].type is artifacts.RepresentationReport
    combined = CombinedBlessing(representation=node.outputs["blessing"], evaluation=node.outputs["blessing"])
    assert combined.outputs["blessing"].type is standard_artifacts.ModelBlessing
