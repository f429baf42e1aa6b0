"""Which images to label next, and which labels to look at again (docs/suggest.md)."""
