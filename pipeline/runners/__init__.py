"""Runners: the ways to execute the pipeline, on this machine or on Kubeflow Pipelines."""
