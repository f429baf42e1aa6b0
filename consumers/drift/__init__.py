"""Do new images still look like those that the model was trained on?"""
