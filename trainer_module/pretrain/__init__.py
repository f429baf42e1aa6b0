"""Contrastive pretraining: batches in a seeded order, the training graph, watching, checkpoints."""
