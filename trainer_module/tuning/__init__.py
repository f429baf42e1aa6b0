"""The search for pretraining's hyperparameters: which are tried (`space`), and by which score (`search`)."""
