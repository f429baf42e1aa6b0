"""The AnomalyGate node."""

import logging

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import artifact_utils, standard_artifacts

from tfx_contrastive.components.anomaly_gate import anomalies as core

_logger = logging.getLogger(__name__)


@component
def AnomalyGate(  # noqa: N802 - the name is the node's id
    anomalies: InputArtifact[standard_artifacts.ExampleAnomalies],
    report: OutputArtifact[standard_artifacts.ExampleValidationMetrics],
    stop_at: Parameter[str] = "ERROR",
) -> None:
    """Fail if ExampleValidator found anomalies: ExampleValidator itself never stops a run.

    Args:
        anomalies: Output of ExampleValidator.
        report: Holds `anomalies.json`, the anomalies that don't stop the run. Custom property:
            `num_warnings`.
        stop_at: `ERROR`, or `WARNING` to stop on warnings too.
    """
    found = core.read(anomalies.uri, artifact_utils.decode_split_names(anomalies.split_names))
    core.check(found, stop_at)
    core.write_anomalies(found, report.uri)
    report.set_int_custom_property("num_warnings", len(found))
    for each in found:
        _logger.warning("%s", each)
