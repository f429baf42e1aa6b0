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
    """Copy the model in use, or the candidate if there is none, to `baseline_model`.

    TFX caches the output by candidate: a rerun without changes takes the same baseline from the cache, and a
    new candidate looks up the model in use again.

    Args:
        model: The candidate.
        baseline_model: The model with which the Evaluator compares. Custom properties: `source` (version
            directory relative to `serving_dir`, or `candidate`), `version` (a number, or `none`), `reason`,
            `new_classes` (JSON list, classes that only the candidate knows) and `gone_classes` (JSON list,
            classes that only the model in use knows).
        serving_dir: Directory of numeric versions; the newest is in use.
        policy: `latest` or `none`, as `baseline.py` explains.
        reset_token: Any text; a new one makes the node look up the model in use again for the same candidate.
        classes: Classes on which the two models are compared: `shared` or `all`.
    """
    del reset_token  # only a part of the cache key
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
