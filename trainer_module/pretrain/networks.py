"""The networks of pretraining: from views to the loss and its gradient."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import tensorflow as tf

from tfx_contrastive.contract.errors import ConfigError
from tfx_contrastive.trainer_module.config import PretrainConfig
from tfx_contrastive.trainer_module.encoders.build import build_projection_head
from tfx_contrastive.trainer_module.losses.objective import Objective
from tfx_contrastive.trainer_module.training.networks import all_layers, copy_network, follow


class Networks:
    """Encoder, projection head, and the predictor and target networks that some objectives need.

    Attributes:
        encoder: The encoder: pixels to h.
        num_views: V, number of views per image.
        projection_dim: P, width of z.
        embedding_variables: Trainable variables of encoder and projection head.
        predictor_variables: Trainable variables of the predictor; empty for objectives without one.
        checkpoint: All variables.
    """

    def __init__(self, encoder: keras.Model, config: PretrainConfig):
        """Build the networks around an encoder.

        Args:
            encoder: Pixels in [0, 255], [B, H, W, C], to h, float32 [B, D].
            config: Widths of the projection head, objective, momentum of the target networks.
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
        """True if the objective needs target projections of averaged networks."""
        return bool(self._targets)

    @property
    def all(self) -> list[keras.Model]:
        """All networks of the training."""
        return [*self._online, *self._targets]

    def embed(self, views: list[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """Return representations of the two large views, and projections of all views.

        Args:
            views: V views of N images, large ones first, float32 [N, h, w, C] each.

        Returns:
            h, float32 [2N, D], and z, float32 [V*N, P], both view by view.
        """
        encoder, head = self._trained
        h = encoder(tf.concat(views[:2], axis=0), training=True)  # [2N, D]
        small = [encoder(view, training=True) for view in views[2:]]  # of another size
        return h, head(tf.concat([h, *small], axis=0), training=True)  # [V*N, P]

    def averaged_targets(self, views: list[tf.Tensor]) -> tf.Tensor | None:
        """Return projections by the averaged networks, float32 [V*N, P]; None without such networks."""
        if not self._targets:
            return None
        encoder, head = self._targets
        h = tf.concat([encoder(view, training=True) for view in views], axis=0)
        return tf.stop_gradient(head(h, training=True))

    def loss(self, z: tf.Tensor, targets: tf.Tensor | None, labels: tf.Tensor) -> tf.Tensor:
        """Return the mean objective over all pairs of views with at least one large view.

        Small views are compared with large ones only (arXiv:2006.09882, section 3.3).

        Args:
            z: Projections, float32 [V*N, P], view by view, large views first.
            targets: The result of `averaged_targets` for the same views.
            labels: int64 [N], -1 if unknown.

        Returns:
            float32 scalar, over the images of all replicas.
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
        """Move the averaged networks towards the trained ones (arXiv:2006.07733, eq. 1)."""
        for target, trained in zip(self._targets, self._trained, strict=False):
            follow(target, trained, self._target_momentum)


# Maps images, [N, H, W, C], and the number of their part to views.
DrawViews = Callable[[tf.Tensor, int | tf.Tensor], list[tf.Tensor]]


class BatchGradient(NamedTuple):
    """Loss and gradient of one batch.

    Attributes:
        loss: float32 scalar.
        h: Representations of the two large views, float32 [2N, D], view a first.
        z: Projections of the same, float32 [2N, P].
        gradients: Gradients of the embedding variables, then of the predictor's. The sum over the replicas is
            the gradient of the loss.
    """

    loss: tf.Tensor
    h: tf.Tensor
    z: tf.Tensor
    gradients: list[tf.Tensor]


def gradient_at_once(
    networks: Networks, images: tf.Tensor, labels: tf.Tensor, draw_views: DrawViews
) -> BatchGradient:
    """Compute the gradient of a batch in one pass.

    Args:
        networks: The networks.
        images: uint8 [N, H, W, C].
        labels: int64 [N], -1 if unknown.
        draw_views: Function that draws the views.

    Returns:
        Loss, representations, projections, gradients.
    """
    views = draw_views(images, 0)
    with tf.GradientTape() as tape:
        h, z = networks.embed(views)
        loss = networks.loss(z, networks.averaged_targets(views), labels)
        shared = _share(loss)
    variables = [*networks.embedding_variables, *networks.predictor_variables]
    return BatchGradient(loss, h, z[: tf.shape(h)[0]], tape.gradient(shared, variables))


def gradient_in_parts(
    networks: Networks, images: tf.Tensor, labels: tf.Tensor, draw_views: DrawViews, num_parts: int
) -> BatchGradient:
    """Compute a gradient with the activations of one part in memory (GradCache, arXiv:2101.06983).

    Objectives compare the images of a batch, so the gradients of small batches do not add up to that of a
    large one. Therefore all parts are first embedded without keeping activations. Then the loss of the whole
    batch and its gradient with respect to the projections are computed. Finally each part is embedded again,
    and the gradient of its projections is propagated to the weights. This needs a second forward pass and
    draws the views twice. Batch norm sees one part at a time and updates its statistics twice per step.

    Args:
        networks: The networks; no layer may be random, since the two passes would differ.
        images: uint8 [N, H, W, C]; N a multiple of `num_parts`.
        labels: int64 [N], -1 if unknown.
        draw_views: Function that draws the views; equal for equal images and part.
        num_parts: M, the number of parts.

    Returns:
        Loss, representations, projections, gradients.
    """
    parts = tf.reshape(images, tf.concat([[num_parts, -1], tf.shape(images)[1:]], axis=0))
    parts = tf.ensure_shape(parts, [num_parts, None, *images.shape[1:]])
    width, z_width = networks.encoder.output_shape[-1], networks.projection_dim
    all_h = tf.TensorArray(tf.float32, num_parts, element_shape=[None, width])
    all_z = tf.TensorArray(tf.float32, num_parts, element_shape=[None, z_width])
    all_targets = tf.TensorArray(tf.float32, num_parts, element_shape=[None, z_width])
    for part in tf.range(num_parts):
        tf.autograph.experimental.set_loop_options(parallel_iterations=1)
        views = draw_views(parts[part], part)
        h, z = networks.embed(views)
        all_h, all_z = all_h.write(part, h), all_z.write(part, z)
        targets = networks.averaged_targets(views)
        all_targets = all_targets.write(part, z if targets is None else targets)
    z = _by_view(all_z.stack(), networks.num_views)
    targets = _by_view(all_targets.stack(), networks.num_views) if networks.has_averaged_targets else None
    with tf.GradientTape() as tape:
        tape.watch(z)
        loss = networks.loss(z, targets, labels)
        shared = _share(loss)
    flow, *of_predictor = tape.gradient(shared, [z, *networks.predictor_variables])
    flow = _by_part(flow, networks.num_views, num_parts)
    of_embedding = [tf.zeros(variable.shape) for variable in networks.embedding_variables]
    for part in tf.range(num_parts):
        tf.autograph.experimental.set_loop_options(parallel_iterations=1)
        views = draw_views(parts[part], part)
        with tf.GradientTape() as tape:
            _, projections = networks.embed(views)
        added = tape.gradient(
            projections, networks.embedding_variables, flow[part], tf.UnconnectedGradients.ZERO
        )
        of_embedding = [total + one for total, one in zip(of_embedding, added, strict=True)]
    h = _by_view(all_h.stack(), 2)
    return BatchGradient(loss, h, z[: tf.shape(h)[0]], [*of_embedding, *of_predictor])


def refuse_random_layers(networks: Networks) -> None:
    """Check that no layer is random, as `gradient_in_parts` requires.

    Raises:
        ValueError: If a layer, such as dropout, is random.
    """
    layers = [layer for network in networks.all for layer in all_layers(network)]
    random = [layer.name for layer in layers if getattr(layer, "seed_generator", None) is not None]
    if random:
        raise ConfigError(
            f"micro_batches is above 1, but the encoder has random layers ({', '.join(random[:3])}): parts "
            "are embedded twice and must be equal; set micro_batches to 1 or choose another encoder"
        )


def _share(loss: tf.Tensor) -> tf.Tensor:
    """Divide the loss, which every replica computes over all images, by the number of replicas."""
    context = tf.distribute.get_replica_context()
    num_replicas = context.num_replicas_in_sync if context else 1
    return loss if num_replicas == 1 else loss / num_replicas


def _by_view(parts: tf.Tensor, num_views: int) -> tf.Tensor:
    """Reorder [M, V*n, D], part by part, to [V*M*n, D], view by view."""
    num_parts, dim = tf.shape(parts)[0], parts.shape[2]
    split = tf.reshape(parts, [num_parts, num_views, -1, dim])  # [M, V, n, D]
    return tf.reshape(tf.transpose(split, [1, 0, 2, 3]), [-1, dim])


def _by_part(rows: tf.Tensor, num_views: int, num_parts: int) -> tf.Tensor:
    """Reorder [V*M*n, D], view by view, to [M, V*n, D], part by part: the inverse of `_by_view`."""
    split = tf.reshape(rows, [num_views, num_parts, -1, rows.shape[1]])  # [V, M, n, D]
    return tf.reshape(tf.transpose(split, [1, 0, 2, 3]), [num_parts, -1, rows.shape[1]])
