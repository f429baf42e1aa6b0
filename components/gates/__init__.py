"""What gates share: the blessing and the images that are measured."""
