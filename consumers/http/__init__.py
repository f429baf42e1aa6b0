"""The HTTP endpoint, which follows the champion of the registry."""
