"""Parts that pretraining and the head share: optimizers, and operations on whole networks."""
