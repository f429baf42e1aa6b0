"""What the Evaluator measures, and what it demands."""
