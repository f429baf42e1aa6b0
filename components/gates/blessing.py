"""The convention by which TFX's Pusher knows a blessed model."""

BLESSED_PROPERTY = "blessed"
BLESSED_FILE = "BLESSED"
NOT_BLESSED_FILE = "NOT_BLESSED"


def write_blessing_file(uri: str, blessed: bool) -> None:
    """Writes the empty file `BLESSED` or `NOT_BLESSED`, as TFX's Evaluator does.

    Args:
        uri: Of the ModelBlessing artifact.
        blessed: The verdict. The caller sets the custom property `blessed` too: the Pusher reads that.
    """
    from tensorflow.io import gfile

    gfile.makedirs(uri)
    with gfile.GFile(f"{uri.rstrip('/')}/{BLESSED_FILE if blessed else NOT_BLESSED_FILE}", "w") as file:
        file.write("")
