"""Ground floor: what every room shares. Imports neither TensorFlow nor TFX."""
