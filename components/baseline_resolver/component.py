"""The BaselineResolver node."""

import json
import logging

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts
from tfx.utils import path_utils

from tfx_contrastive.components.baseline_resolver import baseline
from tfx_contrastive.components.model.directory import copy_model

_logger = logging.getLogger(__name__)


@component
def BaselineResolver(  # noqa: N802 - the name is the node's id
    model: InputArtifact[standard_artifacts.Model],
    baseline_model: OutputArtifact[standard_artifacts.Model],
    serving_dir: Parameter[str],
    policy: Parameter[str] = "latest",
    reset_token: Parameter[str] = "",
    classes: Parameter[str] = "shared",
) -> None:
    """Copies the model in use, or the candidate where there is none, to `baseline_model`.

    The node is keyed on the candidate: an unchanged rerun takes the same baseline from the cache,
    a new candidate looks again at what is in use.

    Args:
        model: The candidate.
        baseline_model: The model that the Evaluator compares with. Custom properties: `source`
            (version directory relative to `serving_dir`, or `candidate`), `version` (a number, or
            `none`), `reason`, and `new_classes` and `gone_classes` (JSON lists): what the candidate knows and
            the model in use doesn't, and the other way round.
        serving_dir: Directory of numeric versions; the newest is in use.
        policy: `latest` or `none`; `baseline.py` states what they mean.
        reset_token: Any text; another one makes the node look again for the same candidate.
        classes: On which classes the two are compared: `shared`, or `all`.
    """
    del reset_token  # part of the cache key, nothing else
    candidate_dir = path_utils.serving_model_path(model.uri)
    chosen = baseline.resolve_baseline(candidate_dir, serving_dir, policy, classes)
    copy_model(chosen.model_dir, path_utils.serving_model_dir(baseline_model.uri))
    baseline_model.set_string_custom_property("source", chosen.source)
    baseline_model.set_string_custom_property("version", chosen.version)
    baseline_model.set_string_custom_property("reason", chosen.reason)
    for name in ("new_classes", "gone_classes"):
        names = json.dumps(getattr(chosen, name), ensure_ascii=False)
        baseline_model.set_string_custom_property(name, names)
    _logger.info("Baseline: %s (%s)", chosen.source, chosen.reason)
