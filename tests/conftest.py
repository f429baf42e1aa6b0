"""Settings that every test shares."""

import os

# TensorFlow reads this when it loads; two test processes share two cores.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
