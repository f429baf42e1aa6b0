"""Check whether embeddings of a new encoder can be mixed with those of the encoder in use."""
