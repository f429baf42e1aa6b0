"""Finished and running pipelines: their metadata, lineage, state and outcome."""
