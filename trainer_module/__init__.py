"""The ML core: preprocessing, views, encoders, losses, pretraining and head, serving."""
