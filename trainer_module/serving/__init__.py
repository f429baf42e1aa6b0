"""SavedModels, which clients load without this project, and exports in other formats."""

from tfx_contrastive.trainer_module.serving.saved_model import (
    export_classifier,
    export_encoder,
    write_image_config,
)

__all__ = ["export_classifier", "export_encoder", "write_image_config"]
