"""Small color drawings of the same things by five designers: the embedding compared with pixels."""
