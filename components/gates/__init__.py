"""Code that gates share: verdict, blessing and samples of images."""
