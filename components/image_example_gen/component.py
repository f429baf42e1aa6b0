"""The ImageExampleGen node."""

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from tfx_contrastive.components.artifacts import Quarantine
from tfx_contrastive.components.image_example_gen.executor import Executor


class ImageExampleGenSpec(types.ComponentSpec):
    """Parameters and outputs of ImageExampleGen."""

    PARAMETERS = {  # noqa: RUF012 - TFX reads a plain dict
        "ingest": ExecutionParameter(type=str),
        "fingerprint": ExecutionParameter(type=str),
    }
    INPUTS: dict[str, ChannelParameter] = {}  # noqa: RUF012
    OUTPUTS = {  # noqa: RUF012
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "quarantine": ChannelParameter(type=Quarantine),
    }


class ImageExampleGen(base_beam_component.BaseBeamComponent):
    """Reads images from a source; writes `tf.train.Example`s and a quarantine of bad images.

    Outputs:
        examples: Splits `train`, `eval` and `test`; features: docs/data.md. Custom properties:
            `num_<split>`, `num_<split>_labeled`, `num_classes`, `input_fingerprint`.
        quarantine: `records.jsonl`, `summary.json`, some of the images under `images/`. Custom
            properties: `num_read`, `num_set_aside`, `num_<reason>`, `num_duplicates`,
            `num_conflicting_labels`.
    """

    SPEC_CLASS = ImageExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(self, ingest: str, fingerprint: str):
        """Construct the node.

        Args:
            ingest: `IngestConfig` as JSON.
            fingerprint: Fingerprint of the source's content; another one means other data, so no cached
                result.
        """
        spec = ImageExampleGenSpec(
            ingest=ingest,
            fingerprint=fingerprint,
            examples=types.Channel(type=standard_artifacts.Examples),
            quarantine=types.Channel(type=Quarantine),
        )
        super().__init__(spec=spec)
