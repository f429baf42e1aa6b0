"""The typed configuration of a pipeline and how it is read."""

from tfx_contrastive.contract.errors import ConfigError
from tfx_contrastive.pipeline.config.loading import load_config
from tfx_contrastive.pipeline.config.model import PipelineConfig

__all__ = ["ConfigError", "PipelineConfig", "load_config"]
