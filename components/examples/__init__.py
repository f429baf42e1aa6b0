"""Images as files hold them and as a model sees them: formats, decoding, records."""
