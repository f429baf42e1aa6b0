"""The `tfx-contrastive` command."""
