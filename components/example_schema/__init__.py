"""The base schema of the data contract, and how StatisticsGen looks at images."""

from tfx_contrastive.components.example_schema.schema import base_schema, stats_options

__all__ = ["base_schema", "stats_options"]
