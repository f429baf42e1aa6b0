"""Encoders: networks that map an image to its representation h, selected by name."""

from tfx_contrastive.trainer_module.encoders.build import (
    build_encoder,
    build_projection_head,
    check_image_size,
    load_encoder,
    mirrored,
    save_encoder,
)
from tfx_contrastive.trainer_module.encoders.keras_applications import load_pretrained

__all__ = [
    "build_encoder",
    "build_projection_head",
    "check_image_size",
    "load_encoder",
    "load_pretrained",
    "mirrored",
    "save_encoder",
]
