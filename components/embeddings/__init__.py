"""Stored embeddings and what reads them."""
