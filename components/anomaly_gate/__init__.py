"""Stops the run on anomalies in the data."""
