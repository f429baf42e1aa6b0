"""Views: seeded augmentations of a batch in the TensorFlow graph, for any number of channels."""
