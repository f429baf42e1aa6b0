"""The exception for data that a run can't use."""


class DataError(ValueError):
    """The data, or where it was said to be, can't be used; the text says what was found and what to do."""
