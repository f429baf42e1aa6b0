"""Metrics of embeddings and probabilities, in NumPy and scikit-learn: one definition of each.

Metrics of embeddings normalize rows to length 1 themselves: they describe the embedding as it is served.
"""
