"""Small color drawings of the same things by five designers: is the embedding better than pixels?"""
