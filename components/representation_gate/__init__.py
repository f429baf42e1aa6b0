"""Is the pretrained encoder worth a classifier? Label-free figures, kNN and linear probe, a verdict."""
