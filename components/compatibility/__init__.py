"""May a new encoder's embeddings stand beside those of the encoder in use, or must all be computed again?"""
