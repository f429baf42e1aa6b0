import math
import multiprocessing
import pathlib
from typing import Any

import numpy as np
import pytest

from benchmarks.label_efficiency import results as summary
from benchmarks.label_efficiency.__main__ import fill
from benchmarks.label_efficiency.data import Splits, with_budget
from benchmarks.label_efficiency.methods import FAMILIES, METHODS, PRETRAINING, Task, applies, digests
from benchmarks.label_efficiency.results import Report, Result, Store, interval
from benchmarks.label_efficiency.settings import Settings, read_settings
from tests.trainer_module.digits_data import digit_pixels
from tfx_contrastive.trainer_module.config import EncoderConfig
from tfx_contrastive.trainer_module.dataset import ImageDataset
from tfx_contrastive.trainer_module.encoders.build import build_encoder

QUICK = {"num_steps": 4, "min_epochs": 0, "batch_size": 16}
SETTINGS = Settings.model_validate(
    {
        "dataset": "digits",
        "pixel_penalties": [0.1],
        "pretrain": {"num_steps": 2},
        "head": {"fine_tune": QUICK, "self_training": {**QUICK, "rounds": 1, "unlabeled_batch_size": 32}},
        "scratch": {**QUICK, "num_steps": 60, "layer_decay": 1.0},
    }
)
FRESH = Report(
    dataset="digits",
    encoder="c4n",
    hardware="2 cores",
    versions={},
)
DIGESTS = digests(SETTINGS, 4)


@pytest.fixture(scope="module")
def splits() -> Any:
    pixels, labels = digit_pixels(900)
    mean, std = np.array([0.3], np.float32), np.array([0.4], np.float32)
    ids = np.arange(900).astype(bytes)
    parts = (slice(0, 500), slice(500, 700), slice(700, 900))
    train, evaluation, test = (
        ImageDataset(pixels[part][..., None], labels[part], ids[part], mean, std) for part in parts
    )
    return Splits(train, evaluation, test, tuple("0123456789"))


def result(method: Any = "linear probe", labels: Any = 4, seed: int = 0, accuracy: Any = 0.5) -> Any:
    return Result(
        method=method,
        labels_per_class=labels,
        seed=seed,
        test_accuracy=accuracy,
        eval_accuracy=accuracy,
        seconds=1.0,
        cpu_seconds=1.0,
        config_digest=DIGESTS[method],
        commit="c",
        finished="2026-11-24T00:00:00+00:00",
    )


def test_a_budget_leaves_so_many_true_labels_of_each_class(splits: Any) -> None:
    first, second = (with_budget(splits.train, 5, seed).label_index for seed in (0, 1))
    for labels in (first, second):
        assert np.bincount(labels[labels >= 0]).tolist() == [5] * 10
        np.testing.assert_array_equal(labels[labels >= 0], splits.train.label_index[labels >= 0])
    assert np.any(first != second)
    np.testing.assert_array_equal(with_budget(splits.train, 5, 0).label_index, first)
    assert with_budget(splits.train, None, 0) is splits.train


def test_a_budget_beyond_the_data_is_refused(splits: Any) -> None:
    with pytest.raises(ValueError, match="the budget needs 400 per class"):
        with_budget(splits.train, 400, 0)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_method_measures_both_splits(splits: Any, name: Any) -> None:
    encoder = build_encoder(EncoderConfig(), (8, 8, 1), splits.train.mean, splits.train.std)
    family = FAMILIES[name]
    found = dict(family.run(Task(with_budget(splits.train, 10, 0), splits, encoder, SETTINGS, 0)))
    assert tuple(found) == tuple(family.methods)
    for measured in found.values():
        assert 0.2 < measured.test_accuracy < 1.0  # chance is 0.1
        assert 0.2 < measured.eval_accuracy < 1.0


def test_a_later_stage_is_never_worse_on_eval(splits: Any) -> None:
    encoder = build_encoder(EncoderConfig(), (8, 8, 1), splits.train.mean, splits.train.std)
    task = Task(with_budget(splits.train, 10, 0), splits, encoder, SETTINGS, 0)
    accuracies = [measured.eval_accuracy for _, measured in FAMILIES["pretrained"].run(task)]
    assert accuracies == sorted(accuracies)


def test_cells_that_are_filled_are_not_trained_again(splits: Any, tmp_path: pathlib.Path) -> None:
    store = Store(tmp_path / "r.json", FRESH, lambda _: DIGESTS)
    task = Task(with_budget(splits.train, 10, 0), splits, None, SETTINGS, 0)
    fill(FAMILIES["raw-pixels"], 10, task, store)
    (first,) = store.report.results
    fill(FAMILIES["raw-pixels"], 10, task, store)
    assert store.report.results == (first,)


def test_there_is_nothing_to_guess_where_all_is_labeled() -> None:
    assert [method for method in METHODS if not applies(method, None)] == ["self-training"]
    assert all(applies(method, 4) for method in METHODS)


def test_a_store_goes_on_where_it_was(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "results" / "r.json"
    Store(path, FRESH, lambda _: DIGESTS).add(result(seed=1))
    report = Store(path, FRESH, lambda _: DIGESTS).report
    assert report.find("linear probe", 4, 1) == result(seed=1)
    assert report.find("linear probe", 4, 0) is None
    assert report.find("linear probe", None, 1) is None


def test_results_of_other_settings_are_refused_or_thrown_away(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "r.json"
    for method in ("linear probe", "from scratch"):
        Store(path, FRESH, lambda _: DIGESTS).add(result(method=method))
    longer = SETTINGS.scratch.model_copy(update={"num_steps": 61})
    changed = digests(SETTINGS.model_copy(update={"scratch": longer}), 4)
    with pytest.raises(ValueError, match=r"1 results of other settings \(from scratch\): give another --out"):
        Store(path, FRESH, lambda _: changed)
    assert len(Store(path, FRESH, lambda _: DIGESTS).report.results) == 2
    assert Store(path, FRESH, lambda _: changed, discard_outdated=True).report.results == (result(),)


def test_methods_depend_on_the_settings_they_read() -> None:
    head = SETTINGS.head.model_copy(update={"seed": 5})
    changed = digests(SETTINGS.model_copy(update={"head": head}), 4)
    same = {method for method in METHODS if changed[method] == DIGESTS[method]}
    assert same == {"raw pixels", "from scratch"}
    rounds = SETTINGS.head.self_training.model_copy(update={"rounds": 2})
    head = SETTINGS.head.model_copy(update={"self_training": rounds})
    changed = digests(SETTINGS.model_copy(update={"head": head}), 4)
    assert [method for method in METHODS if changed[method] != DIGESTS[method]] == ["self-training"]
    pretrain = SETTINGS.pretrain.model_copy(update={"num_steps": 3})
    changed = digests(SETTINGS.model_copy(update={"pretrain": pretrain}), 4)
    assert {method for method in METHODS if changed[method] == DIGESTS[method]} == same
    encoder = SETTINGS.pretrain.model_copy(update={"encoder": EncoderConfig(name="c4")})
    changed = digests(SETTINGS.model_copy(update={"pretrain": encoder}), 4)
    assert {method for method in METHODS if changed[method] == DIGESTS[method]} == {"raw pixels"}


def test_processes_fill_one_file_without_losing_results(tmp_path: pathlib.Path) -> None:
    with multiprocessing.get_context("fork").Pool(4) as pool:
        pool.starmap(_add, [(tmp_path / "r.json", seed) for seed in range(24)])
    found = Store(tmp_path / "r.json", FRESH, lambda _: DIGESTS).report.results
    assert sorted(each.seed for each in found) == list(range(24))


def _add(path: Any, seed: int) -> None:
    Store(path, FRESH, lambda _: DIGESTS).add(result(seed=seed))


def test_the_interval_is_students() -> None:
    mean, width = interval([0.80, 0.82, 0.84])
    assert mean == pytest.approx(0.82)
    assert width == pytest.approx(4.302653 * 0.02 / math.sqrt(3), rel=1e-5)
    assert math.isnan(interval([0.5])[1])


def test_the_table_has_a_column_a_budget_and_the_published_lines() -> None:
    results = (
        *(result(seed=seed, accuracy=0.7 + seed / 100) for seed in range(3)),
        result(method="fine-tuned", labels=None, accuracy=0.9),
    )
    lines = summary.table(FRESH.model_copy(update={"results": results})).splitlines()
    assert lines[0] == "| method | 4 | all |"
    assert "| linear probe | 0.710 ± 0.025 |  |" in lines
    assert "| fine-tuned |  | 0.900 |" in lines
    assert "| self-training |  | – |" in lines
    assert "| published, semi-supervised | 0.747 | 0.953 |" in lines


def test_the_best_head_on_eval_is_compared_with_the_network_from_scratch() -> None:
    results = (
        *(result(seed=seed, accuracy=0.70 + seed / 100) for seed in range(3)),
        *(result(method="self-training", seed=seed, accuracy=0.80 + seed / 100) for seed in range(3)),
        *(result(method="from scratch", seed=seed, accuracy=0.60 + seed / 100) for seed in range(3)),
        result(method="from scratch", labels=16, accuracy=0.7),
        *(result(labels=64, seed=seed, accuracy=0.80 + seed / 100) for seed in range(2)),
        *(
            result(method="from scratch", labels=64, seed=seed, accuracy=0.80 + seed / 100)
            for seed in range(2)
        ),
        result(labels=None, accuracy=0.9),
    )
    lines = summary.comparison(FRESH.model_copy(update={"results": results})).splitlines()[2:]
    assert lines == [
        "| 4 | 0.810 (self-training) | 0.747 | 0.610 | apart: from 0.785, up to 0.635 |",
        "| 64 | 0.805 (linear probe) | 0.880 | 0.805 | overlap: from 0.741, up to 0.869 |",
        "| all | 0.900 (linear probe) | 0.953 |  |  |",
    ]


def test_the_plot_is_a_picture(tmp_path: pathlib.Path) -> None:
    results = tuple(result(labels=labels, seed=seed) for labels in (4, 16, None) for seed in range(2))
    path = summary.write_plot(FRESH.model_copy(update={"results": results}), tmp_path / "plot.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.stat().st_size > 10_000


def test_the_settings_file_is_valid_and_its_digest_follows_what_matters() -> None:
    settings = read_settings()
    assert settings.labels_per_class == (4, 16, 64, 256, 1024, None)
    assert [len(settings.seeds(labels)) for labels in settings.labels_per_class] == [5, 5, 5, 3, 3, 3]
    assert digests(settings.model_copy(update={"num_seeds": 9}), 4) == digests(settings, 4)
    assert digests(settings, 16) == digests(settings, 4)
    assert digests(settings, 64) == digests(settings, None)
    changed = [method for method in METHODS if digests(settings, 64)[method] != digests(settings, 4)[method]]
    assert changed == ["self-training"]
    assert settings.model_copy(update={"dataset": "digits"}).digest(PRETRAINING) != settings.digest(
        PRETRAINING
    )
