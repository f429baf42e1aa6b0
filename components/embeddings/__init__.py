"""Stored embeddings: reading, writing, reuse and whitening."""
