"""The head: a classifier, trained on the pretrained encoder from the labeled images."""
