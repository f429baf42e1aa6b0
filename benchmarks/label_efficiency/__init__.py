"""Test accuracy by number of labels per class, compared with the same encoder without pretraining."""
