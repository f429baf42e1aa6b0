"""The task that runs last, whatever became of the others, and says what became of them."""

import json
import logging
import os
import urllib.request

from tfx.dsl.component.experimental.annotations import Parameter
from tfx.dsl.component.experimental.decorators import component

# Holds a URL that takes a JSON message, as chat programs offer; comes from a Secret.
WEBHOOK_VARIABLE = "TFX_CONTRASTIVE_WEBHOOK"

_logger = logging.getLogger(__name__)


@component
def ReportOutcome(final_status: Parameter[str], pipeline_name: Parameter[str]) -> None:  # noqa: N802
    """Logs the outcome of a run and, where the webhook's variable is set, posts it.

    Args:
        final_status: PipelineTaskFinalStatus as JSON, from KFP.
        pipeline_name: The pipeline's name.
    """
    message = outcome(final_status, pipeline_name)
    log = _logger.info if message["state"] == "SUCCEEDED" else _logger.error
    log("%s", message["text"])
    url = os.environ.get(WEBHOOK_VARIABLE)
    if url:
        post(url, message)


def outcome(final_status: str, pipeline_name: str) -> dict[str, str]:
    """The message: a sentence under `text`, and what it was made of."""
    status = json.loads(final_status)
    state = status.get("state", "UNKNOWN")
    error = status.get("error", {}).get("message", "")
    run = status.get("pipelineJobResourceName") or status.get("pipelineJobName") or "unknown"
    text = f"Pipeline {pipeline_name}, run {run}: {state}" + (f": {error}" if error else "")
    return {"text": text, "pipeline": pipeline_name, "run": run, "state": state, "error": error}


def post(url: str, message: dict[str, str]) -> None:
    """Posts the message as JSON.

    Raises:
        OSError: If it isn't taken; KFP then tries the task again.
    """
    request = urllib.request.Request(
        url, json.dumps(message).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        _logger.info("The webhook answered %s", answer.status)
