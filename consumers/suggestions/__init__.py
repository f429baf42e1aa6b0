"""Suggestions: images to label next, and labels to check again (docs/suggest.md)."""
