"""Chooses the model with which the Evaluator compares a candidate.

The rules, in the order in which they apply:

1. Policy `none`: the candidate is its own baseline. Its accuracy then changes by zero, so only the thresholds
   on values decide. This policy resets the baseline on purpose.
2. Policy `latest`: the baseline is the model in use, which is the newest complete version of the serving
   directory whose signature `serving_default` returns `probabilities`. Incomplete versions and encoders can't
   be compared with a classifier, so the next older version is tried.
3. If there is no such version, as in the first run: as with policy `none`.
4. Each model is scored by its own classes, and the reason names the classes that were added or removed. If
   the models are compared on `shared` classes and share none: as with policy `none`.

TFX's `Resolver` is not used because open-source Kubeflow can't run it.
"""

import dataclasses
import logging
from typing import Literal, get_args

from tfx_contrastive.components.evaluation.config import ComparedClasses
from tfx_contrastive.components.examples.names import listed
from tfx_contrastive.components.model.directory import ServedVersion, complete_versions
from tfx_contrastive.components.model.saved import read_signatures
from tfx_contrastive.components.model.served import ServedModel
from tfx_contrastive.contract.signatures import PROBABILITIES, SERVING_DEFAULT

Policy = Literal["latest", "none"]
POLICIES: tuple[str, ...] = get_args(Policy)
COMPARED_CLASSES: tuple[str, ...] = get_args(ComparedClasses)
CANDIDATE = "candidate"
NO_VERSION = "none"
_MOST_LISTED = 10

_logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Baseline:
    """The model with which a candidate is compared.

    Attributes:
        model_dir: Directory of its SavedModel.
        source: Version directory relative to the serving directory, or `candidate`.
        version: Version number as text, or `none` if the baseline is the candidate itself.
        reason: One sentence for the run report.
        new_classes: Classes of the candidate that the model in use doesn't know.
        gone_classes: Classes of the model in use that the candidate doesn't know.
    """

    model_dir: str
    source: str
    version: str
    reason: str
    new_classes: tuple[str, ...] = ()
    gone_classes: tuple[str, ...] = ()


def resolve_baseline(candidate_dir: str, serving_dir: str, policy: str, classes: str = "shared") -> Baseline:
    """Choose the baseline of a candidate by the rules at the top of this file.

    Args:
        candidate_dir: Directory of the candidate's SavedModel.
        serving_dir: Directory of numeric versions; it may not exist yet.
        policy: `latest` or `none`.
        classes: Classes on which the Evaluator compares: `shared` or `all`.

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
            candidate_dir, CANDIDATE, NO_VERSION, "the policy is `none`; only the thresholds on values decide"
        )
    for served in complete_versions(serving_dir):
        if _is_classifier(served.path):
            return _in_use(candidate_dir, served, classes)
    return Baseline(
        candidate_dir,
        CANDIDATE,
        NO_VERSION,
        "no classifier has been pushed yet; only the thresholds on values decide",
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
        f"{what}: {listed([repr(name) for name in names], _MOST_LISTED)}"
        for what, names in (("new classes", new), ("removed classes", gone))
        if names
    ]
    reason = "; ".join([reason, *changes])
    shared = [repr(name) for name in own if name in former]
    if classes == "all":
        reason += "; compared on all classes; a class that a model doesn't know counts as wrong for it"
    elif shared:
        reason += f"; compared on the classes that both know: {listed(shared, _MOST_LISTED)}"
    else:
        reason += "; they share no class and can't be compared; only the thresholds on values decide"
        return Baseline(candidate_dir, CANDIDATE, NO_VERSION, reason, new, gone)
    return Baseline(served.path, version, version, reason, new, gone)


def class_names(model_dir: str) -> tuple[str, ...]:
    """Return the classes of a model in its own order; empty if the model does not return them."""
    try:
        return ServedModel(model_dir).class_names
    except ValueError as error:  # a model of another pipeline can be scored without its class names
        _logger.info("The classes of %s are unknown: %s", model_dir, error)
        return ()


def _is_classifier(model_dir: str) -> bool:
    try:
        signature = read_signatures(model_dir).get(SERVING_DEFAULT)
    except ValueError as error:
        _logger.warning("Not a baseline: %s", error)
        return False
    outputs = sorted(signature.outputs) if signature else []
    if PROBABILITIES not in outputs:
        _logger.info(
            "%s is not a baseline: its signature %s returns %s, not %s",
            model_dir,
            SERVING_DEFAULT,
            outputs or "nothing",
            PROBABILITIES,
        )
        return False
    return True
