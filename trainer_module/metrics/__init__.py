"""Label-free figures and probes that watch pretraining: one file each."""
