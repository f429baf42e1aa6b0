"""The training graph: views, gradient and update, with many steps per call."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf
from numpy.typing import NDArray

from tfx_contrastive.trainer_module.config import PretrainConfig
from tfx_contrastive.trainer_module.pretrain.devices import split_rows, synchronize_batch_norm
from tfx_contrastive.trainer_module.pretrain.networks import (
    Networks,
    gradient_at_once,
    gradient_in_parts,
    refuse_random_layers,
)
from tfx_contrastive.trainer_module.training.networks import BatchEncoder, copy_network, follow, warmed_up
from tfx_contrastive.trainer_module.training.optimizer import build_optimizer
from tfx_contrastive.trainer_module.views.compose import make_views
from tfx_contrastive.trainer_module.views.pixel_steps import fold_in

# Constants that keep the seeds of views different from each other and from other uses of the configured seed.
_VIEWS = 0x71E35
_PART = 0x9A57
_REPLICA = 0x2E91


class Outcome(NamedTuple):
    """The result of a call of `Learner.train`.

    Attributes:
        loss: Loss of each step, float32 [num_steps].
        h: Representations of the last step's two large views, float32 [2N, D], view a first; with several
            replicas, those of the first.
        z: Projections of the same, float32 [2N, P].
    """

    loss: tf.Tensor
    h: tf.Tensor
    z: tf.Tensor


class Learner:
    """Networks and optimizer in training, on the devices of the current strategy scope.

    Attributes:
        encoder: The encoder in training.
        kept: The encoder that the run returns: the moving average, or the trained encoder.
        encode: Maps any number of images, uint8 [N, H, W, C], to their h by the kept encoder.
        checkpoint: All state that a resumed run needs.
        step: Number of steps done, int64 variable.
    """

    def __init__(self, encoder: keras.Model, config: PretrainConfig, image_shape: tuple[int, int, int]):
        """Create the variables.

        Args:
            encoder: Pixels in [0, 255], [B, H, W, C], to h, float32 [B, D].
            config: Configuration of pretraining.
            image_shape: [height, width, channels].

        Raises:
            ValueError: If `micro_batches` is above 1 and a layer is random.
        """
        self.encoder = encoder
        self.kept = copy_network(encoder) if config.average_decay else encoder
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")
        self._config = config
        self._strategy = tf.distribute.get_strategy()
        self._num_replicas = self._strategy.num_replicas_in_sync
        self._networks = Networks(encoder, config)
        if self._num_replicas > 1 and config.distribution.sync_batch_norm:
            for network in self._networks.all:
                synchronize_batch_norm(network)
        if config.micro_batches > 1:
            refuse_random_layers(self._networks)
        self._variables = [*self._networks.embedding_variables, *self._networks.predictor_variables]
        clip = config.optimizer.clip_norm
        self._average_first = clip is not None and self._num_replicas > 1
        if clip is not None:
            # Keras clips the gradient of each replica and adds them up: each replica gets the mean gradient
            # and its share of the norm.
            clip /= self._num_replicas
        optimizer = config.optimizer.model_copy(update={"clip_norm": clip})
        self._optimizer = build_optimizer(optimizer, config.num_steps)
        self._optimizer.build(self._variables)
        self.checkpoint = tf.train.Checkpoint(
            networks=self._networks.checkpoint,
            average=[self.kept] if config.average_decay else [],
            optimizer=self._optimizer,
            step=self.step,
        )
        specs = [
            tf.TensorSpec([None, None, *image_shape], tf.uint8),
            tf.TensorSpec([None, None], tf.int64),
        ]
        self._train_all = tf.function(self._steps, input_signature=specs if self._num_replicas == 1 else None)
        self.encode = BatchEncoder(self.kept, image_shape)

    def train(self, batches: NDArray[Any], labels: NDArray[Any]) -> Outcome:
        """Train one step per batch.

        Args:
            batches: uint8 [num_steps, N, H, W, C], num_steps >= 1; the N images of this process.
            labels: int64 [num_steps, N], -1 if unknown; only some objectives use them.

        Returns:
            The losses, and the last step's representations and projections.
        """
        if self._num_replicas == 1:
            outcome: Outcome = self._train_all(batches, labels)
        else:
            outcome = self._train_all(split_rows(self._strategy, batches), split_rows(self._strategy, labels))
        return outcome

    def _steps(self, batches: tf.Tensor, labels: tf.Tensor) -> Outcome:
        """Train all steps of a call as one graph; in each step the replicas synchronize in `strategy.run`."""
        local = self._strategy.experimental_local_results(batches)[0]
        num_steps, num_images = tf.shape(local)[0], tf.shape(local)[1]
        losses = tf.TensorArray(tf.float32, size=num_steps, element_shape=[])
        width, projection_dim = self.encoder.output_shape[-1], self._networks.projection_dim
        h, z = tf.zeros([2 * num_images, width]), tf.zeros([2 * num_images, projection_dim])
        for index in tf.range(num_steps):
            tf.autograph.experimental.set_loop_options(
                shape_invariants=[
                    (h, tf.TensorShape([None, width])),
                    (z, tf.TensorShape([None, projection_dim])),
                ]
            )
            results = self._strategy.run(self._step, args=(batches, labels, index))
            loss, h, z = (self._strategy.experimental_local_results(result)[0] for result in results)
            losses = losses.write(index, loss)
        return Outcome(losses.stack(), h, z)

    def _step(
        self, batches: tf.Tensor, labels: tf.Tensor, index: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Train one step of one replica."""
        seed = fold_in(tf.constant([self._config.seed, _VIEWS], tf.int32), self.step)
        if self._num_replicas > 1:
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            seed = fold_in(seed, _REPLICA + replica)
        num_parts = self._config.micro_batches

        def draw_views(images: tf.Tensor, part: int | tf.Tensor) -> list[tf.Tensor]:
            return make_views(
                images, self._config.views, seed if num_parts == 1 else fold_in(seed, _PART + part)
            )

        batch = (self._networks, batches[index], labels[index], draw_views)
        done = gradient_at_once(*batch) if num_parts == 1 else gradient_in_parts(*batch, num_parts)
        gradients = done.gradients
        if self._average_first:
            context = tf.distribute.get_replica_context()
            gradients = context.all_reduce(tf.distribute.ReduceOp.MEAN, gradients)
        self._optimizer.apply(gradients, self._variables)
        self.step.assign_add(1)
        self._networks.follow()
        if self._config.average_decay:
            follow(self.kept, self.encoder, warmed_up(self._config.average_decay, self.step))
        return done.loss, done.h, done.z
