"""Which model the candidate is compared with."""
