"""The base of the errors that explain themselves to whoever runs the pipeline."""


class InputError(ValueError):
    """What was given can't be used; the text says what was received, what was expected and what to do.

    A command prints the text alone. Any other exception is a fault of the program, and is told as one.
    """


class DataError(InputError):
    """The data, or where it was said to be, can't be used; the text says what was found and what to do."""
