"""TFX components, one folder each, and the rooms that they share."""
