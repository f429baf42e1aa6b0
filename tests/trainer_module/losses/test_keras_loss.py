import keras
import numpy as np
import pytest

from tests.trainer_module.losses.references import views
from tfx_contrastive.trainer_module.losses.config import ObjectiveConfig
from tfx_contrastive.trainer_module.losses.keras_loss import ContrastiveLoss
from tfx_contrastive.trainer_module.losses.supcon import supcon_loss
from tfx_contrastive.trainer_module.losses.vicreg import vicreg_loss

SUPCON = ObjectiveConfig(name="supcon", params={"temperature": 0.2})
LABELS = np.array([0, 1, -1, 0, -1, 1])


@pytest.mark.parametrize("labels", [LABELS, LABELS[:, None]])
def test_is_the_mean_of_the_function(labels):
    loss = ContrastiveLoss(SUPCON)(labels, np.stack(views(), axis=1))
    np.testing.assert_allclose(loss, np.mean(supcon_loss(*views(), 0.2, LABELS)), rtol=1e-5)


def test_an_objective_without_a_value_per_anchor():
    loss = ContrastiveLoss(ObjectiveConfig(name="vicreg"))(LABELS, np.stack(views(), axis=1))
    np.testing.assert_allclose(loss, vicreg_loss(*views(), 25.0, 25.0, 1.0), rtol=1e-4)


def test_survives_serialisation():
    loss = keras.losses.deserialize(keras.losses.serialize(ContrastiveLoss(SUPCON)))
    assert loss.get_config() == ContrastiveLoss(SUPCON).get_config()


def test_trains_a_compiled_model():
    model = keras.Sequential([keras.Input((2, 5)), keras.layers.Dense(4, use_bias=False)])
    model.compile("sgd", ContrastiveLoss(SUPCON))
    history = model.fit(np.stack(views(), axis=1), LABELS, epochs=5, batch_size=6, verbose=0).history["loss"]
    assert history[-1] < history[0]


def test_refuses_objectives_with_targets_and_single_views():
    with pytest.raises(ValueError, match="call `build_objective` in a training step"):
        ContrastiveLoss(ObjectiveConfig(name="byol"))
    with pytest.raises(ValueError, match=r"two stacked views, \[N, 2, D\]"):
        ContrastiveLoss(SUPCON)(LABELS, np.ones([6, 5]))
