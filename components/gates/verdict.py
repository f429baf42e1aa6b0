"""The verdict of the gates on one model and its delivery, in words. Imports no TensorFlow.

The terminal, `status`, `show`, the run report and the model card all print the same sentence.
"""

import dataclasses
from collections.abc import Iterable

from tfx_contrastive.contract import files

# Files in which gates record their measurements, each in its own artifact.
REPRESENTATION_FILE = "metrics.json"
COMPATIBILITY_FILE = "compatibility.json"

# Input of CombinedBlessing -> id of the node that decides. CombinedBlessing and the registry record inputs.
_GATES = {"representation": "RepresentationGate", "evaluation": "Evaluator"}


@dataclasses.dataclass(frozen=True)
class Decision:
    """The decision of the gates on the model of a run.

    Attributes:
        blessed: Whether every gate accepted the model; None if no gate has decided.
        refused_by: Node ids of the gates that refused the model.
        baseline: Version that the model was compared with; empty if there was no model in use; None if the
            reader of the decision does not know it.
        baseline_reason: Why BaselineResolver chose this version.
    """

    blessed: bool | None
    refused_by: tuple[str, ...] = ()
    baseline: str | None = None
    baseline_reason: str = ""

    @property
    def word(self) -> str:
        """`blessed`, `refused`, or `none` if no gate has decided."""
        return {True: "blessed", False: "refused", None: "none"}[self.blessed]

    @property
    def short(self) -> str:
        """The verdict without a word on the thresholds, such as `NOT blessed: refused by Evaluator`."""
        if self.blessed is None:
            return "no gate has reached a verdict"
        return "blessed" if self.blessed else f"NOT blessed: refused by {self.refusers}"

    @property
    def refusers(self) -> str:
        """The gates that refused the model in words, such as `RepresentationGate and Evaluator`."""
        return " and ".join(self.refused_by) or "a gate"

    def __str__(self) -> str:
        """Return the verdict as a sentence, without the period at its end."""
        if not self.blessed:
            return self.short
        if self.baseline is None:
            return "blessed: every threshold was met"
        if not self.baseline:
            return "blessed: every threshold was met; there was no model in use to compare with"
        return f"blessed: every threshold was met, also against the model in use (version {self.baseline})"


@dataclasses.dataclass(frozen=True)
class Delivery:
    """The destination of the model of a run.

    Attributes:
        pushed_to: Directory of the served version or, for a challenger, the directory that the Pusher wrote;
            empty if nothing was pushed.
        version: Version in the model registry; empty if none was registered.
        aliases: Aliases of that version, such as `champion`.
    """

    pushed_to: str = ""
    version: str = ""
    aliases: str = ""

    @property
    def pushed_version(self) -> str:
        """Version number of the pushed model, the last part of its directory; empty if none was pushed."""
        return self.pushed_to.rstrip("/").rpartition("/")[2]

    def __str__(self) -> str:
        """Return the delivery in words, such as `pushed as version 1764000000`."""
        text = f"pushed as version {self.pushed_version}" if self.pushed_to else "nothing was pushed"
        if self.version:
            text += f", registered as version {self.version}"
            text += f" ({self.aliases})" if self.aliases else ""
        return text


def gate_ids(recorded: str | Iterable[str]) -> tuple[str, ...]:
    """Return the node ids of the gates in a recorded `refused_by`, such as `representation,evaluation`."""
    names = recorded.split(",") if isinstance(recorded, str) else recorded
    return tuple(_GATES.get(name, name) for name in names if name)


BLESSED_PROPERTY = "blessed"
BLESSED_FILE = "BLESSED"
NOT_BLESSED_FILE = "NOT_BLESSED"


def write_blessing_file(uri: str, blessed: bool) -> None:
    """Write the empty file `BLESSED` or `NOT_BLESSED`, as TFX's Evaluator does.

    Args:
        uri: URI of the ModelBlessing artifact.
        blessed: The verdict. The caller must also set the custom property `blessed`, which the Pusher reads.
    """
    files.write_text(files.join(uri, BLESSED_FILE if blessed else NOT_BLESSED_FILE), "")
