"""One module per section of the report: its content, and how to gather it from a `RunRecord`."""
