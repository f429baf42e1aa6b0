"""Views: batched, seeded augmentations in the graph, for any number of channels."""

from trainer_module.views.compose import check_policy, make_view, make_views

__all__ = ["check_policy", "make_view", "make_views"]
