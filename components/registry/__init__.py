"""The model registry: versions, aliases, history, promotion and rollback; in MLflow or Kubeflow."""
