"""Bless or refuse a pretrained encoder by label-free metrics, kNN probe and linear probe."""
