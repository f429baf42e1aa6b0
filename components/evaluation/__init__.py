"""The Evaluator: its metrics, its configuration, and its results as plain values."""
