"""Chooses the baseline of the Evaluator.

Policy, in the order in which it applies:

1. `none`: the candidate is its own baseline. Every change threshold is then met by a difference of
   zero, so the value thresholds alone decide. This is the deliberate reset of the baseline.
2. `latest`: the model in use, that is the newest complete version of the serving directory whose
   `serving_default` signature gives `probabilities`. A half-written version and an encoder-only one
   can't be compared with a classifier: the next older version is tried.
3. The first run (or a serving directory without such a version): as `none`.

TFX's `Resolver` isn't used because open-source Kubeflow can't run it.
"""

import dataclasses
import logging
from typing import Literal

from components import saved_model, serving_directory

Policy = Literal["latest", "none"]
POLICIES: tuple[str, ...] = ("latest", "none")
CLASSIFIER_SIGNATURE = "serving_default"
CLASSIFIER_OUTPUT = "probabilities"
CANDIDATE = "candidate"
NO_VERSION = "none"

_logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Baseline:
    """The model to compare with.

    Attributes:
        model_dir: Directory of its SavedModel.
        source: Its version directory relative to the serving directory, or `candidate`.
        version: Its version number as text, or `none` where the candidate stands in.
        reason: One sentence for the run report.
    """

    model_dir: str
    source: str
    version: str
    reason: str


def resolve_baseline(candidate_dir: str, serving_dir: str, policy: str) -> Baseline:
    """Chooses the baseline for a candidate (see the policy at the top of this file).

    Args:
        candidate_dir: Directory of the candidate's SavedModel.
        serving_dir: Directory of numeric versions; need not exist yet.
        policy: `latest` or `none`.

    Returns:
        The chosen model; always one, never absent.

    Raises:
        ValueError: If `policy` is unknown.
    """
    if policy not in POLICIES:
        raise ValueError(f"Received baseline policy {policy!r}; expected one of {', '.join(POLICIES)}.")
    if policy == "none":
        return Baseline(
            candidate_dir, CANDIDATE, NO_VERSION, "the policy is `none`: value thresholds alone decide"
        )
    for served in serving_directory.complete_versions(serving_dir):
        if _is_classifier(served.path):
            version = str(served.version)
            return Baseline(served.path, version, version, f"version {version} is the model in use")
    return Baseline(
        candidate_dir,
        CANDIDATE,
        NO_VERSION,
        "no classifier has been pushed yet: value thresholds alone decide",
    )


def _is_classifier(model_dir: str) -> bool:
    try:
        signature = saved_model.read_signatures(model_dir).get(CLASSIFIER_SIGNATURE)
    except ValueError as error:
        _logger.warning("Not a baseline: %s", error)
        return False
    outputs = sorted(signature.outputs) if signature else []
    if CLASSIFIER_OUTPUT not in outputs:
        _logger.info(
            "%s is no baseline: its signature %s gives %s, not %s",
            model_dir,
            CLASSIFIER_SIGNATURE,
            outputs or "nothing",
            CLASSIFIER_OUTPUT,
        )
        return False
    return True
