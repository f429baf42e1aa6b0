"""Names that a SavedModel of this pipeline and its consumers agree on (docs/serving.md)."""

# Signatures: the first takes EXAMPLES, the others take IMAGE_BYTES.
SERVING_DEFAULT = "serving_default"
CLASSIFY_BYTES = "classify_bytes"
EMBED_BYTES = "embed_bytes"

# Inputs, string [B].
EXAMPLES = "examples"  # serialized tf.train.Example
IMAGE_BYTES = "image_bytes"  # encoded images

# Outputs, one row per image.
EMBEDDING = "embedding"  # float32 [B, D], of length 1
PROBABILITIES = "probabilities"  # float32 [B, K]
PREDICTED_LABEL = "label"  # string [B]: the most probable class
ALL_CLASSES = "all_classes"  # string [B, K]: the class of each probability

# Files beside the SavedModel. TensorFlow and TF Serving leave this folder alone, except for the warm-up file.
ASSETS_EXTRA = "assets.extra"
IMAGE_CONFIG_PATH = f"{ASSETS_EXTRA}/image.json"  # ImageConfig by which images are prepared
METRICS_PATH = f"{ASSETS_EXTRA}/metrics.json"  # what the Trainer measured
WARM_UP_PATH = f"{ASSETS_EXTRA}/tf_serving_warmup_requests"
EXPORTS_DIR = f"{ASSETS_EXTRA}/exports"  # other formats of the model
