"""Objectives of contrastive pretraining, one per file.

`config.CATALOG` lists them, `objective.Objective` calls them, and `vectors` has what several of them share.
"""
