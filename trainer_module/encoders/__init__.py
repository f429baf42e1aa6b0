"""Encoders: networks from an image to its representation h, by name."""

from tfx_contrastive.trainer_module.encoders.build import build_encoder, check_image_size
from tfx_contrastive.trainer_module.encoders.heads import build_projection_head
from tfx_contrastive.trainer_module.encoders.keras_applications import load_pretrained
from tfx_contrastive.trainer_module.encoders.mirrored import mirrored
from tfx_contrastive.trainer_module.encoders.storage import load_encoder, save_encoder

__all__ = [
    "build_encoder",
    "build_projection_head",
    "check_image_size",
    "load_encoder",
    "load_pretrained",
    "mirrored",
    "save_encoder",
]
