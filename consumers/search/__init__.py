"""Search of images by similarity."""
