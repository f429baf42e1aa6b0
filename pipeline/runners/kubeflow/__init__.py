"""Kubeflow Pipelines: the compiled file, what runs in its containers, and its submission."""
