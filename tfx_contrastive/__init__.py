"""Contrastive pretraining, a classifier head on few labels, gates and a registry, as one TFX pipeline."""

__version__ = "0.2.0"  # the only place where the version stands: setup.py and the image tags read it
