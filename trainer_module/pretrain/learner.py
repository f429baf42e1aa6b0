"""The training graph: views, encoder, projection head, objective and update, many steps a call."""

import functools
from typing import NamedTuple

import keras
import tensorflow as tf

from trainer_module.config import PretrainConfig
from trainer_module.encoders import build_projection_head
from trainer_module.losses.registry import build_objective
from trainer_module.pretrain.averaging import copy_network, follow, warmed_up
from trainer_module.pretrain.optimizer import build_optimizer
from trainer_module.views import make_views
from trainer_module.views.random import fold_in

# Keeps the seeds of views apart from those of other draws from the same configured seed.
_VIEWS = 0x71E35


class Outcome(NamedTuple):
    """What a call of `Learner.train` tells.

    Attributes:
        loss: Loss of each step, float32 [num_steps].
        h: Representations of the last step's two large views, float32 [2N, D], view a first.
        z: Projections of the same, float32 [2N, P].
    """

    loss: tf.Tensor
    h: tf.Tensor
    z: tf.Tensor


class Learner:
    """Encoder, projection head and optimiser in training.

    Attributes:
        encoder: Pixels to h, in training.
        kept: The encoder that the run is for: its running average, or the trained one itself.
        checkpoint: All state that a resumed run needs.
        step: Steps done, int64 variable.
    """

    def __init__(self, encoder: keras.Model, config: PretrainConfig, image_shape: tuple[int, int, int]):
        """Makes the variables.

        Args:
            encoder: Pixels in [0, 255], [B, H, W, C], to h, float32 [B, D].
            config: Everything else.
            image_shape: [height, width, channels].
        """
        self.encoder = encoder
        self.kept = copy_network(encoder) if config.average_decay else encoder
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")
        self._config = config
        self._objective = build_objective(config.objective)
        width, dims = encoder.output_shape[-1], config.projection_dims
        self._head = build_projection_head(width, dims)
        networks = [encoder, self._head]
        needs = self._objective.requirements
        if needs.predictor:
            self._predictor = build_projection_head(dims[-1], (dims[0], dims[-1]))
            networks.append(self._predictor)
        if needs.targets == "ema":
            self._targets = [copy_network(encoder), copy_network(self._head)]
        self._variables = [variable for network in networks for variable in network.trainable_variables]
        self._optimizer = build_optimizer(config.optimizer, config.num_steps)
        self._optimizer.build(self._variables)
        self.checkpoint = tf.train.Checkpoint(
            networks=networks,
            targets=self._targets if needs.targets == "ema" else [],
            average=[self.kept] if config.average_decay else [],
            optimizer=self._optimizer,
            step=self.step,
        )
        self.train = tf.function(
            self._train,
            input_signature=[
                tf.TensorSpec([None, None, *image_shape], tf.uint8),
                tf.TensorSpec([None, None], tf.int64),
            ],
        )
        self.encode = tf.function(
            functools.partial(self.kept, training=False),
            input_signature=[tf.TensorSpec([None, *image_shape], tf.uint8)],
        )

    def _train(self, batches: tf.Tensor, labels: tf.Tensor) -> Outcome:
        """Trains one step a batch.

        Args:
            batches: uint8 [num_steps, N, H, W, C], num_steps >= 1.
            labels: int64 [num_steps, N], -1 where unknown; read only by objectives that use labels.

        Returns:
            The losses, and the last step's representations and projections.
        """
        num_steps, num_images = tf.shape(batches)[0], tf.shape(batches)[1]
        losses = tf.TensorArray(tf.float32, size=num_steps, element_shape=[])
        h = tf.zeros([2 * num_images, self.encoder.output_shape[-1]])
        z = tf.zeros([2 * num_images, self._config.projection_dims[-1]])
        for index in tf.range(num_steps):
            loss, h, z = self._train_step(batches[index], labels[index])
            losses = losses.write(index, loss)
        return Outcome(losses.stack(), h, z)

    def _train_step(self, images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        seed = tf.constant([self._config.seed, _VIEWS], tf.int32)
        views = make_views(images, self._config.views, fold_in(seed, self.step))
        with tf.GradientTape() as tape:
            h = self.encoder(tf.concat(views[:2], axis=0), training=True)  # [2N, D]
            small = [self.encoder(view, training=True) for view in views[2:]]  # another size: apart
            z = self._head(tf.concat([h, *small], axis=0), training=True)  # [V*N, P]
            loss = self._loss(views, z, labels)
        self._optimizer.apply(tape.gradient(loss, self._variables), self._variables)
        self.step.assign_add(1)
        self._follow()
        return loss, h, z[: tf.shape(h)[0]]

    def _loss(self, views: list[tf.Tensor], z: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Mean objective over the pairs of views that hold a large one.

        Small views are compared with large ones only (arXiv:2006.09882, section 3.3).

        Args:
            views: The V views, large ones first.
            z: Their projections, float32 [V*N, P].
            labels: int64 [N], -1 where unknown.

        Returns:
            float32 scalar.
        """
        needs = self._objective.requirements
        targets = z if needs.targets == "online" else None
        if needs.targets == "ema":
            encoder, head = self._targets
            h = tf.concat([encoder(view, training=True) for view in views], axis=0)
            targets = tf.stop_gradient(head(h, training=True))
        compared = self._predictor(z, training=True) if needs.predictor else z
        of_view = tf.split(compared, len(views), axis=0)
        target_of_view = None if targets is None else tf.split(targets, len(views), axis=0)
        losses = [
            self._objective(
                of_view[first],
                of_view[second],
                labels=labels if needs.labels == "optional" else None,
                targets=None if target_of_view is None else (target_of_view[first], target_of_view[second]),
            )
            for second in range(1, len(views))
            for first in range(min(second, 2))
        ]
        return tf.add_n(losses) / len(losses)

    def _follow(self) -> None:
        """Moves BYOL's targets (arXiv:2006.07733, eq. 1) and the running average towards the trained ones."""
        if self._objective.requirements.targets == "ema":
            for target, trained in zip(self._targets, (self.encoder, self._head), strict=True):
                follow(target, trained, self._config.target_momentum)
        if self._config.average_decay:
            follow(self.kept, self.encoder, warmed_up(self._config.average_decay, self.step))
