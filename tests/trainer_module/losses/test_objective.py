import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer_module.losses.references import views
from tfx_contrastive.trainer_module.config import CATALOG, ObjectiveConfig
from tfx_contrastive.trainer_module.losses.info_nce import info_nce_loss
from tfx_contrastive.trainer_module.losses.objective import Objective, gather_global_batch
from tfx_contrastive.trainer_module.losses.supcon import supcon_loss

EVERY = [
    ObjectiveConfig(name=name, distance=distance, params=dict.fromkeys(spec.parameters, 0.5))
    for name, spec in CATALOG.items()
    for distance in (spec.distances or (None,))
]
each_objective = pytest.mark.parametrize("config", EVERY, ids=lambda c: f"{c.name}-{c.distance}")
LABELS = np.array([0, 1, -1, 0, -1, 1])


def call(objective: Any, z_a: Any, z_b: Any) -> Any:
    targets = (z_a[::-1], z_b[::-1]) if objective.requirements.targets != "none" else None
    labels = LABELS if objective.requirements.labels != "unused" else None
    return objective(z_a, z_b, labels, targets)


@each_objective
def test_is_a_float32_scalar_also_for_half_precision(config: Any) -> None:
    z_a, z_b = views()
    objective = Objective(config)
    full, half = call(objective, z_a, z_b), call(objective, np.float16(z_a), np.float16(z_b))
    assert full.dtype == half.dtype == tf.float32
    assert full.shape == half.shape == []
    np.testing.assert_allclose(full, half, rtol=2e-2, atol=2e-2)


@each_objective
def test_order_of_the_images_does_not_matter(config: Any) -> None:
    order, (z_a, z_b), objective = np.array([3, 1, 5, 0, 2, 4]), views(), Objective(config)
    if objective.requirements.targets != "none":
        shuffled = objective(z_a[order], z_b[order], targets=(z_a[::-1][order], z_b[::-1][order]))
    else:
        labels = LABELS[order] if objective.requirements.labels != "unused" else None
        shuffled = objective(z_a[order], z_b[order], labels)
    np.testing.assert_allclose(shuffled, call(objective, z_a, z_b), rtol=1e-4, atol=1e-5)


@each_objective
def test_exchanging_the_views_exchanges_the_anchors(config: Any) -> None:
    (z_a, z_b), (t_a, t_b), objective = views(), views(seed=8), Objective(config)
    labels = LABELS if objective.requirements.labels != "unused" else None
    has_targets = objective.requirements.targets != "none"
    forward = objective.per_anchor(z_a, z_b, labels, (t_a, t_b) if has_targets else None)
    backward = objective.per_anchor(z_b, z_a, labels, (t_b, t_a) if has_targets else None)
    np.testing.assert_allclose(np.roll(forward, len(z_a)), backward, rtol=1e-4, atol=1e-5)


@each_objective
@pytest.mark.parametrize("value", [0.0, 0.5])
def test_gradient_is_finite_for_constant_embeddings(config: Any, value: float) -> None:
    z = tf.fill([6, 5], value)
    with tf.GradientTape() as tape:
        tape.watch(z)
        loss = call(Objective(config), z, z)
    assert np.isfinite(tape.gradient(loss, z)).all()


@pytest.mark.parametrize(
    "config", [c for c in EVERY if c.requirements.targets != "none"], ids=lambda c: c.name
)
def test_targets_receive_no_gradient(config: Any) -> None:
    targets = [tf.constant(t, tf.float32) for t in views(seed=8)]
    with tf.GradientTape() as tape:
        tape.watch(targets)
        loss = Objective(config)(*views(), targets=tuple(targets))
    assert tape.gradient(loss, targets) == [None, None]


COMPARE_IMAGES = (
    "dcl", "margin_contrastive", "triplet_margin", "barlow_twins", "vicreg", "alignment_uniformity"
)  # fmt: skip


@pytest.mark.parametrize("config", [c for c in EVERY if c.name in COMPARE_IMAGES], ids=lambda c: c.name)
def test_refuses_a_single_image_where_images_are_compared(config: Any) -> None:
    with pytest.raises(ValueError, match="needs at least 2"):
        Objective(config)(*views(num=1))


@each_objective
def test_a_graph_with_unknown_batch_size_computes_the_same(config: Any) -> None:
    objective = Objective(config)
    spec = tf.TensorSpec([None, 5])

    @tf.function(input_signature=[spec, spec])
    def compute(z_a: Any, z_b: Any) -> Any:
        if objective.requirements.targets != "none":
            return objective(z_a, z_b, targets=(z_a[::-1], z_b[::-1]))
        return objective(z_a, z_b, LABELS if objective.requirements.labels != "unused" else None)

    z_a, z_b = np.asarray(views(), np.float32)
    np.testing.assert_allclose(compute(z_a, z_b), call(objective, z_a, z_b), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("config", [c for c in EVERY if CATALOG[c.name].chance_loss], ids=lambda c: c.name)
def test_chance_loss_is_that_of_constant_embeddings(config: Any) -> None:
    z = tf.ones([6, 4])
    assert float(Objective(config)(z, z)) == pytest.approx(config.spec.chance_loss(6), abs=1e-4)


def test_parameters_distance_and_labels_arrive() -> None:
    config = ObjectiveConfig(name="info_nce", distance="manhattan", params={"temperature": 0.3})
    np.testing.assert_array_equal(
        Objective(config).per_anchor(*views()), info_nce_loss(*views(), 0.3, "manhattan")
    )
    config = ObjectiveConfig(name="supcon", params={"temperature": 0.3})
    np.testing.assert_array_equal(
        Objective(config).per_anchor(*views(), LABELS), supcon_loss(*views(), 0.3, LABELS)
    )


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("byol", {}, r"byol regresses targets: pass targets=\(t_a, t_b\), projections of the ema network"),
        ("simsiam", {}, "projections of the online network"),
        ("nt_xent", {"targets": views()}, "has no targets"),
        ("nt_xent", {"labels": LABELS}, "does not use labels"),
    ],
)
def test_refuses_what_is_missing_or_useless(name: str, arguments: Any, message: str) -> None:
    config = next(config for config in EVERY if config.name == name)
    with pytest.raises(ValueError, match=message):
        Objective(config)(*views(), **arguments)


@pytest.mark.slow
def test_two_replicas_have_the_loss_and_gradient_of_one_device_on_the_global_batch() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tests.trainer_module.losses.replicas"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    differences = json.loads(run.stdout.splitlines()[-1])
    assert set(differences) == set(CATALOG)
    for name, (loss, gradient) in differences.items():
        assert loss < 1e-5, name
        assert gradient < 1e-4, name


def test_one_replica_keeps_its_rows() -> None:
    rows = tf.constant([[1.0], [2.0]])
    np.testing.assert_array_equal(gather_global_batch(rows), rows)


def test_refuses_to_be_called_outside_of_a_replica() -> None:
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope(), pytest.raises(RuntimeError, match=r"passed to strategy\.run"):
        gather_global_batch(tf.ones([2, 2]))
