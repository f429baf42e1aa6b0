"""The exception for data that a run can't use."""

from tfx_contrastive.components.errors import InputError


class DataError(InputError):
    """The data, or where it was said to be, can't be used; the text says what was found and what to do."""
