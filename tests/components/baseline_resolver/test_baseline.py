"""The choice of the baseline among real SavedModels."""

import pathlib
from typing import Any

import pytest
import tensorflow as tf

from tfx_contrastive.components.baseline_resolver import baseline
from tfx_contrastive.components.model.directory import copy_model
from tfx_contrastive.components.model.saved import read_signatures
from tfx_contrastive.contract import files


def save_model(path: pathlib.Path, output: str, value: float) -> str:
    module = tf.Module()
    module.value = tf.Variable(value)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(examples: Any) -> Any:
        return {output: tf.fill([tf.size(examples), 2], module.value)}

    tf.saved_model.save(module, str(path), signatures={"serving_default": serve})
    return str(path)


def predict(path: str, output: str = "probabilities") -> float:
    result = tf.saved_model.load(path).signatures["serving_default"](tf.constant([b"x"]))
    return float(result[output][0, 0])


@pytest.fixture
def candidate(tmp_path: pathlib.Path) -> Any:
    return save_model(tmp_path / "candidate", "probabilities", 0.5)


def test_first_run_compares_the_candidate_with_itself(tmp_path: pathlib.Path, candidate: Any) -> None:
    chosen = baseline.resolve_baseline(candidate, str(tmp_path / "absent"), "latest")
    assert (chosen.model_dir, chosen.source, chosen.version) == (candidate, "candidate", "none")


def test_newest_version_is_chosen_by_number_not_by_name(tmp_path: pathlib.Path, candidate: Any) -> None:
    for version in (9, 10):
        save_model(tmp_path / "serving" / str(version), "probabilities", float(version))
    chosen = baseline.resolve_baseline(candidate, str(tmp_path / "serving"), "latest")
    assert (chosen.source, chosen.version) == ("10", "10")
    assert predict(chosen.model_dir) == 10.0


def test_policy_none_ignores_the_model_in_use(tmp_path: pathlib.Path, candidate: Any) -> None:
    save_model(tmp_path / "serving" / "1", "probabilities", 1.0)
    assert baseline.resolve_baseline(candidate, str(tmp_path / "serving"), "none").model_dir == candidate


def test_versions_that_cannot_be_compared_are_looked_past(tmp_path: pathlib.Path, candidate: Any) -> None:
    serving = tmp_path / "serving"
    save_model(serving / "1", "probabilities", 1.0)
    save_model(serving / "2", "embedding", 2.0)  # encoder only
    half_written = pathlib.Path(save_model(serving / "3", "probabilities", 3.0))
    (half_written / "saved_model.pb").unlink()
    cut_off = pathlib.Path(save_model(serving / "4", "probabilities", 4.0)) / "saved_model.pb"
    cut_off.write_bytes(cut_off.read_bytes()[:-100])
    save_model(serving / "tmp-5", "probabilities", 5.0)
    chosen = baseline.resolve_baseline(candidate, str(serving), "latest")
    assert chosen.source == "1"


def save_classifier(path: Any, names: Any) -> Any:
    """Save a classifier with these classes and the signature `serving_default`, as the Trainer does."""

    class Model(tf.Module):
        def answer(self, images: Any) -> Any:
            rows = tf.size(images)
            return {
                "probabilities": tf.fill([rows, len(names)], 1.0 / len(names)),
                "label": tf.fill([rows], names[0]),
                "all_classes": tf.tile(tf.constant(names)[None], [rows, 1]),
            }

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def classify_examples(self, examples: Any) -> Any:
            return self.answer(examples)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
        def classify_bytes(self, image_bytes: Any) -> Any:
            return self.answer(image_bytes)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
        def embed_bytes(self, image_bytes: Any) -> Any:
            return {"embedding": tf.ones([tf.size(image_bytes), 4]) / 2.0}

    model = Model()
    signatures = {
        "serving_default": model.classify_examples,
        "classify_bytes": model.classify_bytes,
        "embed_bytes": model.embed_bytes,
    }
    tf.saved_model.save(model, str(path), signatures)
    return str(path)


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A candidate, and a serving directory whose model in use has other classes."""
    folder = tmp_path_factory.mktemp("grown")
    save_classifier(folder / "serving" / "7", ["circle", "square", "triangle"])
    return save_classifier(folder / "candidate", ["cross", "disc", "square", "triangle"]), str(
        folder / "serving"
    )


@pytest.mark.parametrize(
    ("classes", "compared"),
    [
        ("shared", "compared on the classes that both know: 'square', 'triangle'"),
        ("all", "compared on all classes; a class that a model doesn't know counts as wrong for it"),
    ],
)
def test_classes_that_came_and_went_are_named(grown: Any, classes: Any, compared: Any) -> None:
    chosen = baseline.resolve_baseline(grown[0], grown[1], "latest", classes)
    assert (chosen.source, chosen.new_classes, chosen.gone_classes) == ("7", ("cross", "disc"), ("circle",))
    assert chosen.reason == (
        f"version 7 is the model in use; new classes: 'cross', 'disc'; removed classes: 'circle'; {compared}"
    )


def test_the_same_classes_are_not_spoken_of(grown: Any, tmp_path: pathlib.Path) -> None:
    candidate = save_classifier(tmp_path / "candidate", ["circle", "square", "triangle"])
    chosen = baseline.resolve_baseline(candidate, grown[1], "latest")
    assert (chosen.reason, chosen.new_classes) == ("version 7 is the model in use", ())


def test_models_without_a_common_class_are_compared_only_where_all_classes_count(
    grown: Any, tmp_path: pathlib.Path
) -> None:
    candidate = save_classifier(tmp_path / "candidate", ["cat", "dog"])
    chosen = baseline.resolve_baseline(candidate, grown[1], "latest")
    assert (chosen.source, chosen.model_dir) == ("candidate", candidate)
    assert chosen.reason.endswith(
        "they share no class and can't be compared; only the thresholds on values decide"
    )
    assert chosen.gone_classes == ("circle", "square", "triangle")
    assert baseline.resolve_baseline(candidate, grown[1], "latest", "all").source == "7"


def test_unknown_policy_is_refused(candidate: Any) -> None:
    with pytest.raises(ValueError, match="Received baseline policy 'newest'; expected one of latest, none"):
        baseline.resolve_baseline(candidate, "", "newest")


def test_a_copied_model_computes_the_same(tmp_path: pathlib.Path, candidate: Any) -> None:
    copy_model(candidate, str(tmp_path / "copy"))
    assert predict(str(tmp_path / "copy")) == 0.5
    assert files.find(str(tmp_path / "copy")) == files.find(candidate)


def test_copying_what_is_no_model_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"holds no saved_model\.pb"):
        copy_model(str(tmp_path), str(tmp_path / "copy"))


def test_models_are_read_through_tensorflows_file_systems(candidate: Any) -> None:
    """`ram://` stands for any file system that is not the local disk."""
    copy_model(candidate, "ram://baseline/serving/7")
    chosen = baseline.resolve_baseline(candidate, "ram://baseline/serving", "latest")
    assert chosen.source == "7"
    copy_model(chosen.model_dir, "ram://baseline/out")
    assert list(read_signatures("ram://baseline/out")["serving_default"].outputs) == ["probabilities"]
