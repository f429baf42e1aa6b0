"""Encoder and classifier in training, their optimizers, and reports of progress."""

import dataclasses
import logging
import time
from collections.abc import Sequence

import keras
import tensorflow as tf

from tfx_contrastive.trainer_module.config import FineTuneConfig
from tfx_contrastive.trainer_module.head.linear_head import LinearClassifier
from tfx_contrastive.trainer_module.training.networks import copy_network, follow, warmed_up
from tfx_contrastive.trainer_module.training.optimizer import build_optimizer
from tfx_contrastive.trainer_module.views.compose import make_view

_progress = logging.getLogger("tfx_contrastive.progress")

# Largest number of sections of a network; each has one learning rate.
_MAX_SECTIONS = 8

Optimizers = list[tuple[keras.optimizers.Optimizer, list[tf.Variable]]]


def layerwise_optimizers(encoder: keras.Model, head: keras.Model, config: FineTuneConfig) -> Optimizers:
    """Build one optimizer per section of the network, from the pixels to the head.

    The head has the configured learning rate; the rate of each section of the encoder is `config.layer_decay`
    times that of the next section (as in BEiT, arXiv:2106.08254, and ELECTRA before it).

    Args:
        encoder: The encoder; its trainable variables are in order of creation.
        head: The classifier.
        config: Rates, their decay, and the number of steps after which they are zero.

    Returns:
        Pairs of a built optimizer and the variables that it updates.
    """
    sections = [*_sections(encoder.trainable_variables), head.trainable_variables]
    optimizers = []
    for index, variables in enumerate(sections):
        rate = config.optimizer.learning_rate * config.layer_decay ** (len(sections) - 1 - index)
        optimizer = build_optimizer(
            config.optimizer.model_copy(update={"learning_rate": rate}), config.num_steps
        )
        optimizer.build(variables)
        optimizers.append((optimizer, variables))
    return optimizers


def _sections(variables: Sequence[tf.Variable]) -> list[list[tf.Variable]]:
    """Group variables into layers (a kernel and the variables after it), and layers into sections."""
    layers: list[list[tf.Variable]] = [[]]
    for variable in variables:
        if len(variable.shape) > 1 and layers[-1]:
            layers.append([])
        layers[-1].append(variable)
    count = min(_MAX_SECTIONS, len(layers))
    sections: list[list[tf.Variable]] = [[] for _ in range(count)]
    for index, layer in enumerate(layers):
        sections[index * count // len(layers)].extend(layer)
    return sections


class HeadProgress:
    """Progress reports of one training, for the log and the live display."""

    def __init__(self, what: str, num_steps: int, log_every: int):
        """Start the clock.

        Args:
            what: Name of the training, for the log.
            num_steps: Number of steps of the training.
            log_every: Number of steps between two reports.
        """
        self._what = what
        self._num_steps = num_steps
        self._log_every = log_every
        self._start = time.monotonic()

    def due(self, step: int) -> bool:
        """Return True if `step`, counted from 1, is to be reported; only then fetch the loss."""
        return step % self._log_every == 0 or step == self._num_steps

    def report(self, step: int, loss: float, num_images: int) -> None:
        """Log one line.

        Args:
            step: Number of steps done.
            loss: Loss of the last step.
            num_images: Number of images since the start.
        """
        rate = num_images / max(time.monotonic() - self._start, 1e-9)
        values = {
            "stage": "head",
            "step": step,
            "num_steps": self._num_steps,
            "loss": loss,
            "images_per_second": rate,
        }
        text = f"{self._what}: step {step}/{self._num_steps}, loss {loss:.3f}, {rate:.0f} images/s"
        _progress.info(text, extra={"progress": values})


class Student:
    """Encoder and classifier in training, initialized from a linear head (LP-FT, arXiv:2202.10054).

    Attributes:
        encoder: The exponential moving average of the encoder's weights.
        head: The same of the classifier's weights.
    """

    def __init__(
        self,
        encoder: keras.Model,
        classifier: LinearClassifier,
        config: FineTuneConfig,
        seed: int,
    ):
        """Copy the networks.

        Args:
            encoder: The encoder to start from; not changed.
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
        """Train one step of cross-entropy with soft targets on random views.

        Args:
            images: uint8 [B, H, W, C].
            targets: Target class probabilities, float32 [B, K].
            weights: Weight of each image in the loss, float32 [B].
            share: Share of mixup (arXiv:1710.09412), scalar: this share of each image and target is mixed
                with the rest from the image at the opposite position of the batch; 1.0: no mixing.

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
        """Move the averages towards the current weights, faster in the first steps."""
        decay = warmed_up(self._config.average_decay, self._index.assign_add(1))
        follow(self.encoder, self._encoder, decay)
        follow(self.head, self._head, decay)

    def classifier(self) -> LinearClassifier:
        """Return the averaged classifier."""
        kernel, bias = self.head.get_weights()
        return dataclasses.replace(self._start, kernel=kernel, bias=bias)
