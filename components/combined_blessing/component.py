"""The CombinedBlessing node: TFX's Pusher takes one blessing, the classifier must pass two gates."""

from tfx.components.util import model_utils
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts

from tfx_contrastive.components.gates.blessing import BLESSED_PROPERTY, write_blessing_file


@component
def CombinedBlessing(  # noqa: N802 - the name is the node's id
    representation: InputArtifact[standard_artifacts.ModelBlessing],
    evaluation: InputArtifact[standard_artifacts.ModelBlessing],
    blessing: OutputArtifact[standard_artifacts.ModelBlessing],
) -> None:
    """Blesses what both gates blessed.

    Args:
        representation: Of the RepresentationGate, about the encoder.
        evaluation: Of the Evaluator, about the classifier.
        blessing: For the Pusher. Custom properties: `blessed`, `refused_by` (empty, or the inputs that
            refused, joined by a comma), `current_model` and `current_model_id` of the classifier.
    """
    gates = {"representation": representation, "evaluation": evaluation}
    refused_by = [name for name, given in gates.items() if not model_utils.is_model_blessed(given)]
    write_blessing_file(blessing.uri, not refused_by)
    blessing.set_int_custom_property(BLESSED_PROPERTY, int(not refused_by))
    blessing.set_string_custom_property("refused_by", ",".join(refused_by))
    blessing.set_string_custom_property(
        "current_model", evaluation.get_string_custom_property("current_model")
    )
    blessing.set_int_custom_property(
        "current_model_id", evaluation.get_int_custom_property("current_model_id")
    )
