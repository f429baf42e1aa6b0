"""The network in training, and the running average of its weights that is kept."""

import dataclasses

import keras
import tensorflow as tf

from tfx_contrastive.trainer_module.config import FineTuneConfig
from tfx_contrastive.trainer_module.head.classifier import LinearClassifier
from tfx_contrastive.trainer_module.head.optimizer import layerwise_optimizers
from tfx_contrastive.trainer_module.pretrain.averaging import copy_network, follow, warmed_up
from tfx_contrastive.trainer_module.views import make_view


class Student:
    """Encoder and classifier in training, started from a linear probe (LP-FT, arXiv:2202.10054).

    Attributes:
        encoder: The exponential moving average of the encoder's weights.
        head: The same of the classifier's.
    """

    def __init__(
        self,
        encoder: keras.Model,
        classifier: LinearClassifier,
        config: FineTuneConfig,
        seed: int,
    ):
        """Copies the networks.

        Args:
            encoder: The encoder to start from; it is not changed.
            classifier: The classifier to start from.
            config: Views, rates, averaging, steps.
            seed: Seed of the views.
        """
        self.encoder, self.head = copy_network(encoder), classifier.to_keras()
        self._encoder, self._head = copy_network(encoder), classifier.to_keras()
        self._optimizers = layerwise_optimizers(self._encoder, self._head, config)
        self._start = classifier
        self._config = config
        self._seed = tf.constant([seed, 0x4EAD], tf.int32)
        self._index = tf.Variable(0, dtype=tf.int32, trainable=False)

    @tf.function(reduce_retracing=True)
    def step(self, images: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
        """One step of cross-entropy with soft targets on random views.

        Args:
            images: uint8 [B, H, W, C].
            targets: Class probabilities to learn, float32 [B, K].
            weights: Weight of each image in the loss, float32 [B].
            share: Scalar of mixup (arXiv:1710.09412): this much of each image and its target, the rest
                from the image at the other end of the batch; 1.0 leaves them as they are.

        Returns:
            The loss, float32 scalar.
        """
        seed = tf.random.fold_in(self._seed, self._index)
        views = make_view(images, self._config.policy, seed)
        views = share * views + (1.0 - share) * views[::-1]
        targets = share * targets + (1.0 - share) * targets[::-1]
        weights = share * weights + (1.0 - share) * weights[::-1]
        with tf.GradientTape() as tape:
            logits = self._head(self._encoder(views, training=True), training=True)
            losses = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
            loss = tf.reduce_mean(weights * losses)
        variables = [variables for _, variables in self._optimizers]
        for (optimizer, owned), gradients in zip(
            self._optimizers, tape.gradient(loss, variables), strict=True
        ):
            optimizer.apply(gradients, owned)
        self._average()
        return loss

    def _average(self) -> None:
        """Moves the averages towards the current weights, faster in the first steps."""
        decay = warmed_up(self._config.average_decay, self._index.assign_add(1))
        follow(self.encoder, self._encoder, decay)
        follow(self.head, self._head, decay)

    def classifier(self) -> LinearClassifier:
        """The averaged classifier."""
        kernel, bias = self.head.get_weights()
        return dataclasses.replace(self._start, kernel=kernel, bias=bias)
