"""Guessing the classes of unlabelled images, batch by batch."""

import keras
import numpy as np
import tensorflow as tf

from trainer_module.config import SelfTrainingConfig


class PseudoLabels:
    """Class probabilities of unlabelled images, and how much to trust each.

    The guesses come from a teacher that stays as it is, on images without views; following the student
    instead made training on Fashion-MNIST worse than none (docs/experiments.md). A teacher's errors are not
    spread evenly. Distribution alignment (ReMixMatch, arXiv:1911.09785, section 3.1) therefore multiplies
    the probability of each class by its share of the labels over its running share of the guesses.
    """

    def __init__(
        self, encoder: keras.Model, head: keras.Model, label_shares: np.ndarray, config: SelfTrainingConfig
    ):
        """Takes the network that guesses.

        Args:
            encoder: The teacher's encoder.
            head: The teacher's classifier.
            label_shares: Share of each class among the labels, float32 [K].
            config: Sharpening, alignment and threshold.
        """
        self._encoder, self._head, self._config = encoder, head, config
        self._label_shares = tf.constant(label_shares, tf.float32)
        self._guess_shares = tf.Variable(label_shares, dtype=tf.float32, trainable=False)
        self._step = tf.Variable(0.0, trainable=False)

    @tf.function(reduce_retracing=True)
    def guess(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Guesses one batch.

        Args:
            images: uint8 [B, H, W, C].

        Returns:
            Targets, float32 [B, K], and weights, float32 [B]: 1 where the aligned probability of the best
            class reaches the threshold, else 0.
        """
        logits = self._head(self._encoder(images, training=False), training=False)
        probabilities = tf.nn.softmax(logits / self._config.temperature)  # [B, K]
        if self._config.align_shares:
            self._step.assign_add(1.0)
            decay = tf.minimum(0.95, self._step / (10.0 + self._step))
            mean = tf.reduce_mean(probabilities, axis=0)
            self._guess_shares.assign(decay * self._guess_shares + (1.0 - decay) * mean)
            aligned = probabilities * self._label_shares / (self._guess_shares + 1e-6)
            probabilities = aligned / tf.reduce_sum(aligned, axis=1, keepdims=True)
        confidence = tf.reduce_max(probabilities, axis=1)
        return probabilities, tf.cast(confidence >= self._config.min_confidence, tf.float32)
