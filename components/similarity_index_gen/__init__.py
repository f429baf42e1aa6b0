"""A faiss index over the embeddings, bound to the encoder that computed them."""
