"""Images and examples as every component shares them: file formats, decoding, TFRecord files."""
