"""A model on disk: its signatures, its fingerprint, calls of it, the serving directory."""
