"""ML core: preprocessing, views, encoders, losses, the two training stages, serving signatures."""
