"""Objectives of contrastive pretraining: one file each; `registry` joins them to their configuration."""
