"""Test accuracy by labels a class, against the same encoder without pretraining."""
