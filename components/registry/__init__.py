"""The model registry: versions, aliases, history; promotion and rollback. MLflow is one implementation."""
