"""No alarm on another sample of the same data; alarms on blur, inversion, a missing class and bad files."""

import json
import pathlib
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from tests.components.tiny_models import png, random_kernel, save_model
from tfx_contrastive.components.model.served import ServedModel
from tfx_contrastive.consumers.drift.detection import DriftConfig, detect, write_decision
from tfx_contrastive.consumers.drift.samples import sample_images, sample_reference
from tfx_contrastive.contract.errors import DataError

CONFIG = DriftConfig(num_permutations=300)
LEAST = pytest.approx(1 / 301)


def check(
    training: Any, images: Any, folder: Any, config: Any = CONFIG, model: Any = None, **extra_files: Any
) -> Any:
    folder.mkdir()
    for row, image in enumerate(images):
        (folder / f"{row}.png").write_bytes(png(np.asarray(image, np.uint8)))
    for name, content in extra_files.items():
        (folder / name).write_bytes(content)
    new = sample_images(str(folder), config.max_images, config.max_pixels, config.max_file_bytes, config.seed)
    return detect(new, model or training.model, training.embeddings_uri, training.statistics_dir, config)


def test_a_resample_is_silent(training: Any, tmp_path: pathlib.Path) -> None:
    decision = check(training, training.new_images, tmp_path / "new")
    assert decision.reasons == ()
    assert not decision.retrain
    assert set(decision.divergences) == {"brightness", "contrast", "entropy", "height", "width", "channels"}
    assert max(decision.divergences.values()) < 0.05
    assert (decision.num_images, decision.num_reference) == (len(training.new_images), 1000)


def test_other_halves_are_silent_too(training: Any, tmp_path: pathlib.Path) -> None:
    for number in range(2):
        images = training.new_images[number::2]
        assert check(training, images, tmp_path / str(number)).reasons == ()


def test_blur_alarms(training: Any, tmp_path: pathlib.Path) -> None:
    blurred = [ndimage.gaussian_filter(image, 1.0) for image in training.new_images]
    decision = check(training, blurred, tmp_path / "new")
    assert decision.retrain
    assert decision.mmd.p_value == LEAST
    assert any(reason.startswith("contrast is distributed otherwise") for reason in decision.reasons)


def test_inversion_alarms(training: Any, tmp_path: pathlib.Path) -> None:
    decision = check(training, 225 - training.new_images, tmp_path / "new")
    assert any(reason.startswith("brightness is distributed otherwise") for reason in decision.reasons)
    assert decision.frechet.p_value == decision.mmd.p_value == LEAST


def test_a_missing_class_alarms(training: Any, tmp_path: pathlib.Path) -> None:
    kept = [row for row, label in enumerate(training.new_labels) if label != "digit 0"]
    decision = check(training, training.new_images[kept], tmp_path / "new")
    assert decision.retrain
    (reason,) = [each for each in decision.reasons if each.startswith("the classifier gives other classes")]
    assert "above all 'digit 0'" in reason
    before, now = decision.class_shares["digit 0"]
    assert now < before / 2
    assert decision.classes.p_value == LEAST


def test_an_encoder_without_a_classifier_is_judged_by_embeddings(
    training: Any, tmp_path: pathlib.Path
) -> None:
    silent = check(training, training.new_images, tmp_path / "new", model=training.encoder)
    assert (silent.reasons, silent.classes, silent.class_shares) == ((), None, {})
    kept = [row for row, label in enumerate(training.new_labels) if label != "digit 0"]
    alarmed = check(training, training.new_images[kept], tmp_path / "kept", model=training.encoder)
    assert any(reason.startswith("embeddings differ") for reason in alarmed.reasons)


def test_bad_files_alarm_and_are_counted(training: Any, tmp_path: pathlib.Path) -> None:
    bad = {f"bad{number}.png": b"no image" for number in range(60)}
    decision = check(training, training.new_images, tmp_path / "new", **bad)
    assert decision.set_aside == {"not_an_image": 60}
    assert decision.reasons == ("7.0% of the images can't be used (not_an_image 60), alarm above 5.0%",)


def test_the_sample_is_bounded_and_seeded(training: Any, tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    for row, image in enumerate(training.new_images[:60]):
        (folder / f"{row}.png").write_bytes(png(image))
    first, again, other = (sample_images(str(folder), 40, 10**6, 10**6, seed) for seed in (0, 0, 1))
    assert len(first.images) == 40
    assert [i.encoded for i in first.images] == [i.encoded for i in again.images]
    assert {i.encoded for i in first.images} != {i.encoded for i in other.images}


def test_too_few_images_are_told(training: Any, tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match="Received 20 usable images; expected 50 or more"):
        check(training, training.new_images[:20], tmp_path / "new")


def test_a_directory_without_images_is_told(tmp_path: pathlib.Path) -> None:
    (tmp_path / "note.txt").write_text("nothing here")
    with pytest.raises(DataError, match=r"holds no image, only \.txt files \(1\)"):
        sample_images(str(tmp_path), 100, 10**6, 10**6, 0)


def test_folders_that_look_like_sites_or_splits_are_only_folders(tmp_path: pathlib.Path) -> None:
    folders = ("siteA/cat", "siteA/dog", "siteB/cat", "siteB/dog", "train/cat", "test")
    for number, folder in enumerate(folders):
        (tmp_path / folder).mkdir(parents=True)
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / folder / "0.png")
    assert len(sample_images(str(tmp_path), 100, 10**6, 10**6, 0).images) == 6


def test_another_encoder_is_refused(training: Any, tmp_path: pathlib.Path) -> None:
    other = ServedModel(save_model(tmp_path / "model", random_kernel(8)))
    folder = tmp_path / "new"
    folder.mkdir()
    for row in range(60):
        Image.fromarray(training.new_images[row]).save(folder / f"{row}.png")
    new = sample_images(str(folder), 100, 10**6, 10**6, 0)
    with pytest.raises(ValueError, match="they can't be compared"):
        detect(new, other, training.embeddings_uri, training.statistics_dir, CONFIG)


def test_the_reference_does_not_depend_on_the_shards(training: Any) -> None:
    some = sample_reference(training.embeddings_uri, "train", 300)
    fewer = sample_reference(training.embeddings_uri, "train", 50)
    assert some.vectors.shape == (300, 24)
    np.testing.assert_array_equal(some.vectors[:50], fewer.vectors)
    np.testing.assert_allclose(training.model.embed(fewer.images()), fewer.vectors, atol=1e-5)
    with pytest.raises(ValueError, match="no image of the split 'dev'"):
        sample_reference(training.embeddings_uri, "dev", 50)


def test_the_decision_is_written(training: Any, tmp_path: pathlib.Path) -> None:
    decision = check(training, training.new_images, tmp_path / "new")
    path = pathlib.Path(write_decision(decision, str(tmp_path / "out")))
    content = json.loads(path.read_text())
    assert content["retrain"] is False
    assert content["mmd"]["p_value"] == decision.mmd.p_value
    assert content["config"]["alpha"] == 0.01
    assert content["encoder_fingerprint"] == training.model.fingerprint


def test_permutations_that_could_never_alarm_are_refused() -> None:
    with pytest.raises(ValueError, match="num_permutations=250 with alpha=0.01; expected 299 or more"):
        DriftConfig(num_permutations=250)
    assert DriftConfig(num_permutations=299).level == pytest.approx(1 / 300)
