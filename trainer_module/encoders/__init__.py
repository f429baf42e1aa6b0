"""Encoders: networks that map an image to its representation h, selected by name."""
