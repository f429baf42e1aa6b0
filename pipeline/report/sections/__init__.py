"""One file a section of the report: what it shows, and how that is gathered."""
