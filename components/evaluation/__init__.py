"""What the Evaluator measures and what it demands, and how its results are read."""
