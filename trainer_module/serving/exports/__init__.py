"""The model in other formats: TFLite and ONNX, each measured against the SavedModel it comes from."""

from tfx_contrastive.trainer_module.serving.exports.formats import EXPORTS_DIR, Parts, write_exports

__all__ = ["EXPORTS_DIR", "Parts", "write_exports"]
