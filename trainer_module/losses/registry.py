"""From the configuration of an objective to the function that computes it."""

from collections.abc import Callable

import tensorflow as tf

from tfx_contrastive.trainer_module.losses.alignment_uniformity import alignment_uniformity_loss
from tfx_contrastive.trainer_module.losses.barlow_twins import barlow_twins_loss
from tfx_contrastive.trainer_module.losses.byol import byol_loss
from tfx_contrastive.trainer_module.losses.catalog import Requirements
from tfx_contrastive.trainer_module.losses.config import ObjectiveConfig
from tfx_contrastive.trainer_module.losses.dcl import dcl_loss
from tfx_contrastive.trainer_module.losses.gather import gather_global_batch
from tfx_contrastive.trainer_module.losses.info_nce import info_nce_loss
from tfx_contrastive.trainer_module.losses.margin_contrastive import margin_contrastive_loss
from tfx_contrastive.trainer_module.losses.nt_xent import nt_xent_loss
from tfx_contrastive.trainer_module.losses.simsiam import simsiam_loss
from tfx_contrastive.trainer_module.losses.supcon import supcon_loss
from tfx_contrastive.trainer_module.losses.triplet_margin import triplet_margin_loss
from tfx_contrastive.trainer_module.losses.vicreg import vicreg_loss

_FUNCTIONS: dict[str, Callable[..., tf.Tensor]] = {
    "nt_xent": nt_xent_loss,
    "dcl": dcl_loss,
    "supcon": supcon_loss,
    "info_nce": info_nce_loss,
    "margin_contrastive": margin_contrastive_loss,
    "triplet_margin": triplet_margin_loss,
    "simsiam": simsiam_loss,
    "byol": byol_loss,
    "barlow_twins": barlow_twins_loss,
    "vicreg": vicreg_loss,
    "alignment_uniformity": alignment_uniformity_loss,
}
_TAKE_A_DISTANCE = {"info_nce", "margin_contrastive", "triplet_margin"}


class Objective:
    """A configured objective. Inside `strategy.run` it compares the images of all replicas."""

    def __init__(self, config: ObjectiveConfig):
        """Chooses the function and binds its parameters."""
        self.config = config
        self._function = _FUNCTIONS[config.name]
        self._arguments: dict[str, float | str] = dict(config.params)
        if config.name in _TAKE_A_DISTANCE and config.distance is not None:
            self._arguments["distance"] = config.distance

    @property
    def requirements(self) -> Requirements:
        """What the training loop has to provide."""
        return self.config.requirements

    def per_anchor(
        self,
        z_a: tf.Tensor,
        z_b: tf.Tensor,
        labels: tf.Tensor | None = None,
        targets: tuple[tf.Tensor, tf.Tensor] | None = None,
    ) -> tf.Tensor:
        """Loss of each anchor of the global batch.

        Args:
            z_a: What is trained, of view a, float [N, D]: projections, or predictions where the
                objective requires a predictor.
            z_b: The same of view b, float [N, D]; row i is the same image as `z_a[i]`.
            labels: int [N], negative where unknown. Only for objectives that use labels.
            targets: Target projections of view a and view b, float [N, D] each. Only for objectives
                that require targets, and needed there.

        Returns:
            float32 [2N], view a first; a scalar where the objective has no value per anchor.

        Raises:
            ValueError: If something the objective requires is missing, or something it has no use for
                is given.
        """
        self._check(labels, targets)
        inputs = [gather_global_batch(z) for z in (z_a, z_b, *(targets or ()))]
        if labels is None:
            return self._function(*inputs, **self._arguments)
        return self._function(*inputs, labels=gather_global_batch(labels), **self._arguments)

    def __call__(
        self,
        z_a: tf.Tensor,
        z_b: tf.Tensor,
        labels: tf.Tensor | None = None,
        targets: tuple[tf.Tensor, tf.Tensor] | None = None,
    ) -> tf.Tensor:
        """Mean of `per_anchor`, float32 scalar: equal on all replicas (see `gather_global_batch`)."""
        return tf.reduce_mean(self.per_anchor(z_a, z_b, labels, targets))

    def _check(self, labels: tf.Tensor | None, targets: tuple[tf.Tensor, tf.Tensor] | None) -> None:
        name = self.config.name
        if targets is None and self.requirements.targets != "none":
            raise ValueError(
                f"{name} regresses targets: pass targets=(t_a, t_b), projections of the "
                f"{self.requirements.targets} network, and the predictor's output as z_a and z_b"
            )
        if targets is not None and self.requirements.targets == "none":
            raise ValueError(f"{name} has no targets: leave `targets` out")
        if labels is not None and self.requirements.labels == "unused":
            raise ValueError(f"{name} has no use for labels: leave `labels` out, or take supcon")


def build_objective(config: ObjectiveConfig) -> Objective:
    """The callable `(z_a, z_b, labels=None, targets=None) -> float32 scalar` of a configuration."""
    return Objective(config)
