"""The typed configuration of a pipeline and how it is read."""

from pipeline.config.loading import ConfigError, load_config
from pipeline.config.model import PipelineConfig

__all__ = ["ConfigError", "PipelineConfig", "load_config"]
