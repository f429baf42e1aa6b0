"""The networks of pretraining: encoder, projection head, and what an objective needs beside them."""

import keras
import tensorflow as tf

from tfx_contrastive.trainer_module.config import PretrainConfig
from tfx_contrastive.trainer_module.encoders import build_projection_head
from tfx_contrastive.trainer_module.losses.objective import Objective
from tfx_contrastive.trainer_module.pretrain.averaging import copy_network, follow


class Networks:
    """From views to the loss.

    Attributes:
        encoder: Pixels to h.
        num_views: V, views of an image.
        projection_dim: P, width of z.
        embedding_variables: Trainable variables of encoder and projection head.
        predictor_variables: Those of the predictor; none for objectives without one.
        checkpoint: All variables.
    """

    def __init__(self, encoder: keras.Model, config: PretrainConfig):
        """Makes the networks around an encoder.

        Args:
            encoder: Pixels in [0, 255], [B, H, W, C], to h, float32 [B, D].
            config: Widths of the projection head, the objective, momentum of its targets.
        """
        self.encoder = encoder
        self.num_views = 2 + config.views.small.count
        self.projection_dim = config.projection_dims[-1]
        self._objective = Objective(config.objective)
        self._target_momentum = config.target_momentum
        dims, needs = config.projection_dims, self._objective.requirements
        self._head = build_projection_head(encoder.output_shape[-1], dims)
        self._trained = [encoder, self._head]
        self.embedding_variables = [each for net in self._trained for each in net.trainable_variables]
        self._predictor = build_projection_head(dims[-1], (dims[0], dims[-1])) if needs.predictor else None
        self.predictor_variables = self._predictor.trainable_variables if self._predictor else []
        self._targets = [copy_network(net) for net in self._trained] if needs.targets == "ema" else []
        self._online = [*self._trained, *([self._predictor] if self._predictor else [])]
        self.checkpoint = tf.train.Checkpoint(networks=self._online, targets=self._targets)

    @property
    def has_averaged_targets(self) -> bool:
        """Whether the objective regresses projections of averaged networks."""
        return bool(self._targets)

    @property
    def all(self) -> list[keras.Model]:
        """Every network through which training goes."""
        return [*self._online, *self._targets]

    def embed(self, views: list[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """Representations of the two large views, and projections of all.

        Args:
            views: V views of N images, large ones first, float32 [N, h, w, C] each.

        Returns:
            h, float32 [2N, D], and z, float32 [V*N, P], both view by view.
        """
        encoder, head = self._trained
        h = encoder(tf.concat(views[:2], axis=0), training=True)  # [2N, D]
        small = [encoder(view, training=True) for view in views[2:]]  # another size: apart
        return h, head(tf.concat([h, *small], axis=0), training=True)  # [V*N, P]

    def averaged_targets(self, views: list[tf.Tensor]) -> tf.Tensor | None:
        """Projections of the views by the averaged networks, float32 [V*N, P], or None without these."""
        if not self._targets:
            return None
        encoder, head = self._targets
        h = tf.concat([encoder(view, training=True) for view in views], axis=0)
        return tf.stop_gradient(head(h, training=True))

    def loss(self, z: tf.Tensor, targets: tf.Tensor | None, labels: tf.Tensor) -> tf.Tensor:
        """Mean objective over the pairs of views that hold a large one.

        Small views are compared with large ones only (arXiv:2006.09882, section 3.3).

        Args:
            z: Projections, float32 [V*N, P], view by view, large views first.
            targets: What `averaged_targets` returned for the same views.
            labels: int64 [N], -1 where unknown.

        Returns:
            float32 scalar, of all replicas' images.
        """
        needs = self._objective.requirements
        targets = z if needs.targets == "online" else targets
        compared = self._predictor(z, training=True) if self._predictor else z
        of_view = tf.split(compared, self.num_views, axis=0)
        target_of_view = None if targets is None else tf.split(targets, self.num_views, axis=0)
        losses = [
            self._objective(
                of_view[first],
                of_view[second],
                labels=labels if needs.labels == "optional" else None,
                targets=None if target_of_view is None else (target_of_view[first], target_of_view[second]),
            )
            for second in range(1, self.num_views)
            for first in range(min(second, 2))
        ]
        return tf.add_n(losses) / len(losses)

    def follow(self) -> None:
        """Moves the averaged networks towards the trained ones (arXiv:2006.07733, eq. 1)."""
        for target, trained in zip(self._targets, self._trained, strict=False):
            follow(target, trained, self._target_momentum)


def all_layers(network: keras.Model) -> list[keras.layers.Layer]:
    """The layers of a network and of the networks inside it."""
    layers: list[keras.layers.Layer] = []
    for layer in network.layers:
        layers.extend(all_layers(layer) if isinstance(layer, keras.Model) else [layer])
    return layers
