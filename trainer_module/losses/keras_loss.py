"""The objectives as a Keras loss, for `model.compile`."""

from typing import Any

import keras
import tensorflow as tf

from tfx_contrastive.trainer_module.losses.config import ObjectiveConfig
from tfx_contrastive.trainer_module.losses.registry import build_objective


@keras.saving.register_keras_serializable(package="tfx_contrastive")
class ContrastiveLoss(keras.losses.Loss):
    """Any objective without targets: `y_true` are labels, `y_pred` the stacked projections.

    A model trained with it returns float [N, 2, D], view a at index 0. `y_true` is an integer [N] or
    [N, 1], negative where the label is unknown; objectives that use no labels ignore it.
    """

    def __init__(self, objective: ObjectiveConfig | dict[str, Any], name: str | None = None):
        """Checks the objective.

        Args:
            objective: The configuration, or its `model_dump()`.
            name: Name in Keras's logs; the objective's own when None.

        Raises:
            ValueError: If the objective regresses targets, for which Keras's two arguments leave no room.
        """
        config = ObjectiveConfig.model_validate(objective)
        if config.requirements.targets != "none":
            raise ValueError(
                f"{config.name} needs predictions and targets: call `build_objective` in a training step"
            )
        super().__init__(name=name or config.name)
        self._objective = build_objective(config)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Loss per anchor, float32 [2N], or a scalar where the objective has no value per anchor.

        Raises:
            ValueError: If `y_pred` is not [N, 2, D].
        """
        if y_pred.shape.rank != 3 or y_pred.shape[1] != 2:
            raise ValueError(f"y_pred has shape {y_pred.shape}: expected two stacked views, [N, 2, D]")
        labels = None
        if self._objective.requirements.labels != "unused":
            # Keras has cast y_true to floats; the labels are whole numbers all the same
            labels = tf.cast(tf.round(tf.reshape(y_true, [-1])), tf.int32)
        return self._objective.per_anchor(y_pred[:, 0], y_pred[:, 1], labels)

    def get_config(self) -> dict[str, Any]:
        """What `from_config` needs."""
        return {"objective": self._objective.config.model_dump(), "name": self.name}
