"""Stop the run if the data have anomalies."""
