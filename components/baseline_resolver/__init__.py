"""BaselineResolver: chooses the model with which the Evaluator compares a candidate."""
