"""SavedModels for those who consume a model: they load without a line of this project."""

from tfx_contrastive.trainer_module.serving.saved_model import (
    export_classifier,
    export_encoder,
    write_image_config,
)

__all__ = ["export_classifier", "export_encoder", "write_image_config"]
