"""All errors of this project, as one tree.

The text of each error says what was received, what was expected and what to do. A command prints that text
alone and exits with status 1. Any other exception is a bug in the program, and the command says so.
"""

import enum
from collections.abc import Sequence


class ContrastiveError(Exception):
    """Root of the errors that this project raises on purpose."""


class InputError(ContrastiveError, ValueError):
    """Something that the user gave can't be used: an option, a file, an artifact, an address."""


class ConfigError(InputError):
    """A configuration can't be used, or is not valid YAML."""


class DataError(InputError):
    """The data can't be used, or are not at the configured place."""


class RegistryError(InputError):
    """The model registry can't do what was asked for."""


class UnreadableImagesError(InputError):
    """A model can't decode some of the images that it received.

    Attributes:
        positions: Indices of these images in the batch.
        detail: The decoder's message on the first of them.
    """

    def __init__(self, positions: Sequence[int], detail: str):
        super().__init__(tuple(positions), detail)
        self.positions = tuple(positions)
        self.detail = detail

    def __str__(self) -> str:
        shown = ", ".join(map(str, self.positions[:20]))
        return (
            f"The model can't read {len(self.positions)} of the images received (positions {shown}): "
            f"{self.detail}"
        )


class NotFoundError(ContrastiveError, LookupError):
    """There is no such run, node, model or output.

    Attributes:
        told: The text. With a remedy it ends with words such as "Start one:", and the command follows.
        remedy: The sub-command that helps, such as `run`; empty if there is none. The command line prints it
            with the user's own options.
    """

    def __init__(self, told: str, remedy: str = ""):
        super().__init__(f"{told} tfx-contrastive {remedy}" if remedy else told)
        self.told = told
        self.remedy = remedy


class DownloadError(ContrastiveError):
    """A file can't be downloaded, or has the wrong checksum."""


class PretrainingCollapsedError(ContrastiveError, RuntimeError):
    """Pretraining was stopped because the encoder learned nothing."""


class Reason(str, enum.Enum):
    """The reason why ingest sets an image aside."""

    TRUNCATED = "truncated"
    NOT_AN_IMAGE = "not_an_image"
    WRONG_EXTENSION = "wrong_extension"
    DECOMPRESSION_BOMB = "decompression_bomb"
    EMPTY_FILE = "empty_file"
    OVER_PIXEL_LIMIT = "over_pixel_limit"
    OVER_BYTE_LIMIT = "over_byte_limit"
    BLANK = "blank"
    UNREADABLE = "unreadable"
    OUTSIDE_ROOT = "outside_root"


class RejectedError(ContrastiveError):
    """One image can't be used; ingest puts it into the quarantine and goes on.

    Attributes:
        reason: The reason.
        detail: One sentence with the particulars.
        deepest: The greatest value of an image with 16 bits per value; 0 for other images.
    """

    def __init__(self, reason: Reason, detail: str):
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
        self.deepest = 0

    def __str__(self) -> str:
        return f"{self.reason.value}: {self.detail}"


class StoppedError(BaseException):
    """A stage has saved its work and ended, because it was asked to stop.

    Not an `Exception` and outside the tree: no code between the stage and the entry point of the process may
    take it for a failure.
    """
