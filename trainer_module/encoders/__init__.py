"""Encoders: networks from an image to its representation h, by name."""

from trainer_module.encoders.build import build_encoder
from trainer_module.encoders.heads import build_projection_head
from trainer_module.encoders.registry import encoder_names
from trainer_module.encoders.storage import load_encoder, save_encoder

__all__ = ["build_encoder", "build_projection_head", "encoder_names", "load_encoder", "save_encoder"]
