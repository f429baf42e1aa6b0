"""Drift check: compare new images with the training data."""
