"""Where a run stands: blessed, by whom refused, compared with what, pushed where. Imports no TensorFlow."""

import dataclasses
from collections.abc import Iterable

from .lineage import Artifact, NodeRun, Run

# Gates whose blessing artifact carries a verdict, the last word first.
_VERDICTS = ("CombinedBlessing", "Evaluator", "RepresentationGate")
_CANDIDATE = "candidate"


@dataclasses.dataclass(frozen=True)
class Standing:
    """What a run came to, as ML Metadata has it.

    Attributes:
        blessed: The verdict; None if the run reached none.
        refused_by: The gates that refused, by node id.
        baseline: Version that the model was compared with; empty where there was none.
        baseline_reason: Why that one.
        pushed_to: Directory where the model is served or, of a challenger, where the Pusher put it; empty
            if none was pushed.
        registered_as: Version in the model registry; empty if none was registered.
        aliases: What the registry calls it, such as `champion`.
    """

    blessed: bool | None
    refused_by: tuple[str, ...]
    baseline: str
    baseline_reason: str
    pushed_to: str
    registered_as: str = ""
    aliases: str = ""

    @property
    def pushed_version(self) -> str:
        """Version number of the pushed model; empty if none was pushed."""
        return self.pushed_to.rstrip("/").rpartition("/")[2]

    @property
    def verdict(self) -> str:
        """`blessed`, `refused`, or `none` where no gate decided."""
        return {True: "blessed", False: "refused", None: "none"}[self.blessed]


def standing_of(run: Run) -> Standing:
    """Reads the standing of a run off its artifacts' properties."""
    blessings = {node_id: _blessing(run.node(node_id)) for node_id in _VERDICTS}
    decided = [blessed for blessed in blessings.values() if blessed is not None]
    gates = ("RepresentationGate", "Evaluator")
    baseline = _properties(run.node("BaselineResolver"), "baseline_model")
    source = str(baseline.get("source", ""))
    pushed = _properties(run.node("Pusher"), "pushed_model")
    registration = _properties(run.node("RegistryPusher"), "registration")
    pushed_to = registration.get("served_as") or pushed.get("pushed_destination", "")
    return Standing(
        blessed=decided[0] if decided else None,
        refused_by=tuple(gate for gate in gates if blessings[gate] is False),
        baseline="" if source == _CANDIDATE else source,
        baseline_reason=str(baseline.get("reason", "")),
        pushed_to=str(pushed_to) if pushed.get("pushed") == 1 else "",
        registered_as=str(registration["version"]) if registration.get("registered") == 1 else "",
        aliases=str(registration.get("aliases", "")).replace(",", " and "),
    )


def last_blessed_before(run: Run, runs: Iterable[Run]) -> Run | None:
    """The newest blessed run that is older than `run` and blessed another model; None if there is none.

    Args:
        run: The run.
        runs: Every run of the pipeline, the newest first.
    """
    own = judged_model(run)
    for other in runs:
        if other.started < run.started and other.id != run.id and standing_of(other).blessed:
            model = judged_model(other)
            if model is not None and (own is None or model.id != own.id):
                return other
    return None


def judged_model(run: Run) -> Artifact | None:
    """The model that the gates decide on: the classifier, or the encoder where there is none."""
    for node_id in ("Trainer", "Pretrainer"):
        node = run.node(node_id)
        if node is not None and node.outputs.get("model"):
            return node.output("model")
    return None


def _blessing(node: NodeRun | None) -> bool | None:
    blessed = _properties(node, "blessing").get("blessed")
    return None if blessed is None else blessed == 1


def _properties(node: NodeRun | None, key: str) -> dict:
    if (
        node is None
        or len(node.outputs.get(key, ())) != 1
        or node.state in ("failed", "running", "interrupted")
    ):
        return {}
    return dict(node.output(key).properties)
