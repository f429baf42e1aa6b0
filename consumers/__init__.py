"""What is done with a finished run: search, label suggestions, drift."""
