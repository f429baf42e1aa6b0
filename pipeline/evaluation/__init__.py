"""What the Evaluator measures, what it demands, and how its results are read."""
