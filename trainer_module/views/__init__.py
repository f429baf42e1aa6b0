"""Views: seeded augmentations of a batch in the TensorFlow graph, for any number of channels."""

from tfx_contrastive.trainer_module.views.compose import make_view, make_views, small_view_size
from tfx_contrastive.trainer_module.views.grid import draw_views, view_grid

__all__ = ["draw_views", "make_view", "make_views", "small_view_size", "view_grid"]
