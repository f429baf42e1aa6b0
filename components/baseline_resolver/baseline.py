"""Chooses the baseline of the Evaluator.

Policy, in the order in which it applies:

1. `none`: the candidate is its own baseline. Every change threshold is then met by a difference of
   zero, so the value thresholds alone decide. This is the deliberate reset of the baseline.
2. `latest`: the model in use, that is the newest complete version of the serving directory whose
   `serving_default` signature gives `probabilities`. A half-written version and an encoder-only one
   can't be compared with a classifier: the next older version is tried.
3. The first run (or a serving directory without such a version): as `none`.
4. Each model is scored by its own classes. Which came and which went since is part of the reason. Where the
   comparison is on `shared` classes and there are none: as `none`.

TFX's `Resolver` isn't used because open-source Kubeflow can't run it.
"""

import dataclasses
import logging
from collections.abc import Sequence
from typing import Literal

from tfx_contrastive.components.model.directory import ServedVersion, complete_versions
from tfx_contrastive.components.model.saved import read_signatures
from tfx_contrastive.components.model.served import ServedModel
from tfx_contrastive.contract.signatures import PROBABILITIES, SERVING_DEFAULT

Policy = Literal["latest", "none"]
POLICIES: tuple[str, ...] = ("latest", "none")
COMPARED_CLASSES: tuple[str, ...] = ("shared", "all")
CANDIDATE = "candidate"
NO_VERSION = "none"
_MOST_LISTED = 10

_logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Baseline:
    """The model to compare with.

    Attributes:
        model_dir: Directory of its SavedModel.
        source: Its version directory relative to the serving directory, or `candidate`.
        version: Its version number as text, or `none` where the candidate stands in.
        reason: One sentence for the run report.
        new_classes: Of the candidate, which the model in use doesn't know.
        gone_classes: Of the model in use, which the candidate doesn't know.
    """

    model_dir: str
    source: str
    version: str
    reason: str
    new_classes: tuple[str, ...] = ()
    gone_classes: tuple[str, ...] = ()


def resolve_baseline(candidate_dir: str, serving_dir: str, policy: str, classes: str = "shared") -> Baseline:
    """Chooses the baseline for a candidate (see the policy at the top of this file).

    Args:
        candidate_dir: Directory of the candidate's SavedModel.
        serving_dir: Directory of numeric versions; need not exist yet.
        policy: `latest` or `none`.
        classes: On which classes the Evaluator compares: `shared`, or `all`.

    Returns:
        The chosen model; always one, never absent.

    Raises:
        ValueError: If `policy` or `classes` is unknown.
    """
    if classes not in COMPARED_CLASSES:
        raise ValueError(
            f"Received baseline classes {classes!r}; expected one of {', '.join(COMPARED_CLASSES)}."
        )
    if policy not in POLICIES:
        raise ValueError(f"Received baseline policy {policy!r}; expected one of {', '.join(POLICIES)}.")
    if policy == "none":
        return Baseline(
            candidate_dir, CANDIDATE, NO_VERSION, "the policy is `none`: value thresholds alone decide"
        )
    for served in complete_versions(serving_dir):
        if _is_classifier(served.path):
            return _in_use(candidate_dir, served, classes)
    return Baseline(
        candidate_dir,
        CANDIDATE,
        NO_VERSION,
        "no classifier has been pushed yet: value thresholds alone decide",
    )


def _in_use(candidate_dir: str, served: ServedVersion, classes: str) -> Baseline:
    version = str(served.version)
    reason = f"version {version} is the model in use"
    own, former = class_names(candidate_dir), class_names(served.path)
    if not own or not former or own == former:
        return Baseline(served.path, version, version, reason)
    new = tuple(name for name in own if name not in former)
    gone = tuple(name for name in former if name not in own)
    changes = [
        f"{what} {_listed(names)}"
        for what, names in (("new classes:", new), ("no longer a class:", gone))
        if names
    ]
    reason = "; ".join([reason, *changes])
    shared = [name for name in own if name in former]
    if classes == "all":
        reason += "; compared on all classes, where one that a model doesn't know is wrong for it"
    elif shared:
        reason += f"; compared on the classes that both know: {_listed(shared)}"
    else:
        reason += "; they share no class, so there is nothing to compare: value thresholds alone decide"
        return Baseline(candidate_dir, CANDIDATE, NO_VERSION, reason, new, gone)
    return Baseline(served.path, version, version, reason, new, gone)


def class_names(model_dir: str) -> tuple[str, ...]:
    """The classes of a model in its own order; empty where it doesn't say."""
    try:
        return ServedModel(model_dir).class_names
    except ValueError as error:  # another pipeline's model: it is scored by what it answers all the same
        _logger.info("The classes of %s are not known: %s", model_dir, error)
        return ()


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_LISTED:,} more" if len(names) > _MOST_LISTED else ""
    return ", ".join(map(repr, names[:_MOST_LISTED])) + more


def _is_classifier(model_dir: str) -> bool:
    try:
        signature = read_signatures(model_dir).get(SERVING_DEFAULT)
    except ValueError as error:
        _logger.warning("Not a baseline: %s", error)
        return False
    outputs = sorted(signature.outputs) if signature else []
    if PROBABILITIES not in outputs:
        _logger.info(
            "%s is no baseline: its signature %s gives %s, not %s",
            model_dir,
            SERVING_DEFAULT,
            outputs or "nothing",
            PROBABILITIES,
        )
        return False
    return True
