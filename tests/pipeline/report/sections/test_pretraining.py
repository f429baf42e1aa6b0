import math
from typing import Any

import pytest

from tests.pipeline.report.examples import example_record, example_run
from tfx_contrastive.pipeline.report.sections.pretraining import Curve, Pretraining, collect_pretraining
from tfx_contrastive.pipeline.runs.training_log import Series, TrainingLog
from tfx_contrastive.trainer_module.config import PretrainConfig


def collect(*series: Series, texts: Any = (), **config: Any) -> Any:
    pretraining = PretrainConfig.model_validate({"num_steps": 300, "batch_size": 64, **config})
    log = TrainingLog(series, tuple(texts))
    return collect_pretraining(example_record(example_run(), pretraining=pretraining, pretraining_log=log))


def test_curves_come_in_the_order_of_the_report_and_unknown_ones_last() -> None:
    other = Series("pretrain/extra", (1,), (2.0,))
    probe = Series("pretrain/knn_probe", (1,), (0.5,))
    loss = Series("pretrain/loss", (1,), (4.0,))
    found = collect(other, probe, loss)
    assert [curve.title for curve in found.curves] == ["Loss", "kNN probe in training", "pretrain/extra"]
    assert found.curves[0].chance == pytest.approx(math.log(2 * 64 - 1))
    assert found.curves[1].least_span == 0.2


def test_only_texts_on_problems_are_warnings() -> None:
    found = collect(texts=[(50, "pretrain/problems", "collapsed"), (60, "notes", "fine")])
    assert found.warnings == ((50, "collapsed"),)


def test_settings_say_which_step_is_kept() -> None:
    probe = Series("pretrain/knn_probe", (100, 200, 300), (0.5, 0.7, 0.7))
    last, best = collect(probe, watch={"keep": "last"}), collect(probe, watch={"keep": "best"})
    assert dict(last.settings)["kept"] == "the last step"
    assert dict(best.settings)["kept"] == "step 300, the best by kNN probe"
    assert dict(best.settings)["batch"] == "64 images"


def test_without_a_log_there_is_no_section() -> None:
    assert collect_pretraining(example_record(pretraining_log=None, pretraining=None)) is None


def test_rows_join_the_steps_of_all_curves() -> None:
    curves = (Curve("a", "", Series("a", (1, 2), (0.1, 0.2))), Curve("b", "", Series("b", (2,), (0.5,))))
    assert Pretraining((), curves, ()).rows == ((1, (0.1, None)), (2, (0.2, 0.5)))


def test_of_many_warnings_some_steps_are_marked() -> None:
    found = Pretraining((), (), tuple((step, "w") for step in range(100)))
    assert found.warned_steps == tuple(range(0, 100, 5))
    assert Pretraining((), (), ((7, "a"), (7, "b"))).warned_steps == (7,)
    assert Pretraining((), (), ()).warned_steps == ()
