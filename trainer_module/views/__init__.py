"""Views: batched, seeded augmentations in the graph, for any number of channels."""

from trainer_module.views.compose import check_policy, make_view, make_views, small_view_size
from trainer_module.views.grid import view_grid

__all__ = ["check_policy", "make_view", "make_views", "small_view_size", "view_grid"]
