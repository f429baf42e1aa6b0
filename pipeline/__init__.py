"""Wiring: configuration, the pipeline, its runners, the report and the command."""
