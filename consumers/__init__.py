"""Uses of a finished run: search, HTTP endpoint, label suggestions, drift check."""
