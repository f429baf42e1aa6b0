"""Contrastive pretraining: seeded batches, the training graph, reports and checkpoints."""
