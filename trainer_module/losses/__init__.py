"""Objectives of contrastive pretraining; `config.CATALOG` lists them, `objective.Objective` calls them."""
