"""The CombinedBlessing node. A classifier must pass two gates, and TFX's Pusher takes one blessing only."""

from tfx.components.util import model_utils
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts

from tfx_contrastive.components.gates.verdict import BLESSED_PROPERTY, write_blessing_file


@component
def CombinedBlessing(  # noqa: N802 - the name is the node's id
    representation: InputArtifact[standard_artifacts.ModelBlessing],
    evaluation: InputArtifact[standard_artifacts.ModelBlessing],
    blessing: OutputArtifact[standard_artifacts.ModelBlessing],
) -> None:
    """Bless a model that both gates have blessed.

    Args:
        representation: Blessing of the encoder, by RepresentationGate.
        evaluation: Blessing of the classifier, by the Evaluator.
        blessing: Blessing for the Pusher. Custom properties: `blessed`, `refused_by` (names of the inputs
            that refused, separated by commas; empty if none), `current_model` and `current_model_id` (the
            classifier).
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
