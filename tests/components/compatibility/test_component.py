import json
import pathlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tfx.types import artifact_utils, channel_utils, standard_artifacts

from tests.components.tiny_models import digit_images, random_kernel, save_model, write_examples
from tfx_contrastive.components import artifacts
from tfx_contrastive.components.compatibility.component import CompatibilityCheck
from tfx_contrastive.components.embeddings import former as former_embeddings
from tfx_contrastive.components.embeddings import store
from tfx_contrastive.components.model.fingerprint import encoder_fingerprint

KERNEL = random_kernel(5)


@pytest.fixture(scope="module")
def examples_dir(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("examples")
    images, labels = digit_images(200)
    write_examples(root / "Split-eval" / "data-0", images, labels)
    return root


def run(
    examples_dir: Any,
    kernel: Any,
    tmp_path: pathlib.Path,
    former: Any = None,
    head: Any = None,
    cache_dir: str = "",
) -> tuple[Any, Any]:
    examples, model = standard_artifacts.Examples(), standard_artifacts.Model()
    examples.uri, model.uri = str(examples_dir), str(tmp_path / "candidate")
    examples.split_names = artifact_utils.encode_split_names(["eval"])
    save_model(tmp_path / "candidate" / "Format-Serving", kernel, head, ["a", "b"])
    if former is not None:
        save_model(tmp_path / "serving" / "7", former)
    report = artifacts.CompatibilityReport()
    report.uri = str(tmp_path / "report")
    CompatibilityCheck.test_call(
        examples=examples,
        model=model,
        compatibility=report,
        serving_dir=str(tmp_path / "serving"),
        embeddings_cache_dir=str(cache_dir),
    )
    return report, json.loads((tmp_path / "report" / "compatibility.json").read_text())


def test_the_first_model_has_nothing_to_fit(examples_dir: Any, tmp_path: pathlib.Path) -> None:
    report, content = run(examples_dir, KERNEL, tmp_path)
    assert report.get_string_custom_property("verdict") == content["verdict"] == "first model"
    assert content["linear_cka"] is None


def test_a_new_head_on_the_same_encoder_is_a_drop_in(examples_dir: Any, tmp_path: pathlib.Path) -> None:
    head = np.ones((16, 2), np.float32)
    report, content = run(examples_dir, KERNEL, tmp_path, former=KERNEL, head=head)
    assert content["verdict"] == "drop-in"
    assert content["num_images"] == 0
    assert report.get_string_custom_property("compared_with") == "7"
    assert content["new_fingerprint"] == content["former_fingerprint"]


def test_a_slightly_changed_encoder_is_a_drop_in(examples_dir: Any, tmp_path: pathlib.Path) -> None:
    changed = KERNEL + 1e-3 * random_kernel(6)
    report, content = run(examples_dir, changed, tmp_path, former=KERNEL)
    assert content["verdict"] == "drop-in"
    assert content["new_fingerprint"] != content["former_fingerprint"]
    assert min(content["neighbor_overlap"], content["cross_overlap"], content["linear_cka"]) > 0.95
    assert report.get_float_custom_property("linear_cka") == content["linear_cka"]
    assert content["num_images"] == 200


@pytest.mark.parametrize("is_whitened", [True, False])
def test_another_encoder_is_no_drop_in_for_a_whitened_index(
    examples_dir: Any, tmp_path: pathlib.Path, is_whitened: bool
) -> None:
    fingerprint = encoder_fingerprint(save_model(tmp_path / "in_use", KERNEL))
    space = store.Space("0" * 64 if is_whitened else "", "as configured")
    uri = tmp_path / "embeddings"
    uri.mkdir()
    store.write_meta(store.Meta(fingerprint, 16, {}, {}, 0, 0, "", "", space), str(uri))
    former_embeddings.remember(str(tmp_path / "cache"), fingerprint, str(uri))
    changed = KERNEL + 1e-3 * random_kernel(6)
    _, content = run(examples_dir, changed, tmp_path, former=KERNEL, cache_dir=str(tmp_path / "cache"))
    assert content["verdict"] == ("re-index needed" if is_whitened else "drop-in")
    assert ["whitened by the former encoder's matrix" in each for each in content["reasons"]] == (
        [True] if is_whitened else []
    )


def test_a_rotated_encoder_needs_a_new_index(examples_dir: Any, tmp_path: pathlib.Path) -> None:
    rotation = np.linalg.qr(random_kernel(7)[:16])[0]
    report, content = run(examples_dir, KERNEL @ rotation, tmp_path, former=KERNEL)
    assert content["neighbor_overlap"] > 0.99
    assert content["linear_cka"] > 0.99
    assert content["verdict"] == report.get_string_custom_property("verdict") == "re-index needed"
    assert content["reasons"][0].startswith("overlap at 10 of new queries on former vectors is 0.")


def test_another_width_needs_a_new_index(examples_dir: Any, tmp_path: pathlib.Path) -> None:
    _, content = run(examples_dir, KERNEL[:, :8], tmp_path, former=KERNEL)
    assert content["verdict"] == "re-index needed"
    assert content["reasons"] == ["the embeddings have 8 dimensions, those in use have 16"]


def test_a_model_in_use_without_embeddings_stops_nothing(examples_dir: Any, tmp_path: pathlib.Path) -> None:
    module = tf.Module()
    serve = tf.function(lambda x: {"y": x}, input_signature=[tf.TensorSpec([None], tf.float32)])
    tf.saved_model.save(module, str(tmp_path / "serving" / "3"), {"serving_default": serve})
    _, content = run(examples_dir, KERNEL, tmp_path)
    assert content["verdict"] == "re-index needed"
    assert content["reasons"][0].startswith("the model in use has no embeddings: ")


def test_node_wiring() -> None:
    node = CompatibilityCheck(
        examples=channel_utils.as_channel([standard_artifacts.Examples()]),
        model=channel_utils.as_channel([standard_artifacts.Model()]),
        serving_dir="/serving",
    )
    assert node.outputs["compatibility"].type is artifacts.CompatibilityReport
