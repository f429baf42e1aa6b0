"""Registers the pushed model with all that is known of it, and makes it champion or challenger."""
