"""Contrastive pretraining, a classifier head on few labels, gates and a registry, as one TFX pipeline."""
