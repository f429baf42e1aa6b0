"""The RepresentationGate node."""

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import path_utils

from tfx_contrastive.components.artifacts import RepresentationReport
from tfx_contrastive.components.gates.verdict import BLESSED_PROPERTY, write_blessing_file
from tfx_contrastive.components.representation_gate import measurement
from tfx_contrastive.components.representation_gate.config import GateConfig


@component
def RepresentationGate(  # noqa: N802 - the name is the node's id
    examples: InputArtifact[standard_artifacts.Examples],
    model: InputArtifact[standard_artifacts.Model],
    representation: OutputArtifact[RepresentationReport],
    blessing: OutputArtifact[standard_artifacts.ModelBlessing],
    gate: Parameter[str] = "{}",
) -> None:
    """Bless or refuse an encoder by the quality of its embeddings.

    Args:
        examples: Examples with the split `train`, and `eval` and `test` if they exist.
        model: Output of the Pretrainer.
        representation: `metrics.json`. Custom properties: `blessed` (0 or 1), `reason`, `over_pixels` (a
            sentence that compares the encoder with pixels), and every metric of the encoder by its name.
        blessing: `BLESSED` or `NOT_BLESSED`; custom properties as the Evaluator sets them.
        gate: GateConfig as JSON.
    """
    config = GateConfig.model_validate_json(gate)
    names = artifact_utils.decode_split_names(examples.split_names)
    split_dirs = {name: artifact_utils.get_split_uris([examples], name) for name in names}
    measured = measurement.evaluate(split_dirs, path_utils.serving_model_path(model.uri), config)

    measurement.write_measurement(measured, config, representation.uri)
    representation.set_int_custom_property(BLESSED_PROPERTY, int(measured.blessed))
    representation.set_string_custom_property("reason", "; ".join(measured.reasons) or "every check passed")
    if measured.comparisons:
        # The first comparison needs no labels; the second one, if there is one, uses them and says more.
        retrieval = measured.comparisons[min(1, len(measured.comparisons) - 1)]
        representation.set_string_custom_property("over_pixels", str(retrieval))
    for name, value in measured.figures.items():
        representation.set_float_custom_property(name, float(value))

    write_blessing_file(blessing.uri, measured.blessed)
    blessing.set_int_custom_property(BLESSED_PROPERTY, int(measured.blessed))
    blessing.set_string_custom_property("current_model", model.uri)
    blessing.set_int_custom_property("current_model_id", model.id)
