"""Embeds every image with the model that was trained; data tools read the result as Parquet."""
