"""Embed every image with the trained model; data tools read the result as Parquet."""
