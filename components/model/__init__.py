"""A model on disk: its signatures, its fingerprint, calls of its signatures, the serving directory."""
