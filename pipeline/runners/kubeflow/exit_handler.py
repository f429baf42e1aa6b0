"""The task that runs last, also after a failure, and reports the outcome of the run."""

import json
import logging
import os
import urllib.request

from tfx.dsl.component.experimental.annotations import Parameter
from tfx.dsl.component.experimental.decorators import component

# Contains the URL of a webhook that accepts JSON, as chat programs offer it; set from a Secret.
WEBHOOK_VARIABLE = "TFX_CONTRASTIVE_WEBHOOK"

_logger = logging.getLogger(__name__)


@component
def ReportOutcome(final_status: Parameter[str], pipeline_name: Parameter[str]) -> None:  # noqa: N802
    """Log the outcome of a run, and post it to the webhook if there is one.

    Args:
        final_status: PipelineTaskFinalStatus as JSON, from KFP.
        pipeline_name: Name of the pipeline.
    """
    message = outcome(final_status, pipeline_name)
    log = _logger.info if message["state"] == "SUCCEEDED" else _logger.error
    log("%s", message["text"])
    url = os.environ.get(WEBHOOK_VARIABLE)
    if url:
        post(url, message)


def outcome(final_status: str, pipeline_name: str) -> dict[str, str]:
    """Return the message: a sentence under `text`, and its parts under their names."""
    status = json.loads(final_status)
    state = status.get("state", "UNKNOWN")
    error = status.get("error", {}).get("message", "")
    run = status.get("pipelineJobResourceName") or status.get("pipelineJobName") or "unknown"
    text = f"Pipeline {pipeline_name}, run {run}: {state}" + (f": {error}" if error else "")
    return {"text": text, "pipeline": pipeline_name, "run": run, "state": state, "error": error}


def post(url: str, message: dict[str, str]) -> None:
    """Post the message as JSON.

    Raises:
        OSError: If the webhook does not accept it; KFP then retries the task.
    """
    request = urllib.request.Request(
        url, json.dumps(message).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        _logger.info("The webhook answered %s", answer.status)
