"""The run-time parameters of a compiled pipeline: set at submission, no new compilation."""

import dataclasses
from typing import Literal

from tfx_contrastive.pipeline.config import PipelineConfig
from tfx_contrastive.pipeline.runners.kubeflow.overlay import STATE_ROOT, Overlay

HEAD_STEPS = "head_steps"
_HEAD_STEPS_OF_MODE = {
    "fine_tune": "Steps of fine-tuning the classifier, at least",
    "self_training": "Steps per round of self-training the classifier, at least",
}

ParameterType = Literal["STRING", "NUMBER_INTEGER"]


@dataclasses.dataclass(frozen=True)
class RunParameter:
    """A parameter of the pipeline, beside KFP's own `pipeline_root`.

    Attributes:
        name: Its name at submission.
        type: KFP's type.
        default: The compiled configuration's value.
        description: One line for the user interface.
        overlays: Node id -> the places that it sets; `state_root` fills `${state_root}` instead.
    """

    name: str
    type: ParameterType
    default: str | int
    description: str
    overlays: dict[str, tuple[Overlay, ...]] = dataclasses.field(default_factory=dict)


def run_parameters(config: PipelineConfig, fingerprint: str) -> tuple[RunParameter, ...]:
    """The parameters that this configuration has.

    Args:
        config: The configuration.
        fingerprint: Of the data as it was when the pipeline was compiled; may be empty.
    """
    source = config.data.source
    found = [
        RunParameter(
            STATE_ROOT,
            "STRING",
            config.kubeflow.state_root,
            "Checkpoints and pushed models: a path on a mounted volume, or gs://",
        ),
        _parameter(
            "data_fingerprint",
            "STRING",
            fingerprint,
            "Another text means that the data has changed",
            "ImageExampleGen",
            Overlay("data_fingerprint", ("fingerprint",)),
        ),
        _parameter(
            "labels_per_class",
            "NUMBER_INTEGER",
            config.data.labels_per_class or 0,
            "Label budget; 0 uses every label",
            "ImageExampleGen",
            Overlay("labels_per_class", ("ingest", "labels_per_class"), nullable=True),
        ),
        _parameter(
            "pretrain_steps",
            "NUMBER_INTEGER",
            config.pretrain.num_steps,
            "Steps of contrastive pretraining",
            "Pretrainer",
            Overlay("pretrain_steps", ("custom_config", "pretrain", "num_steps")),
        ),
    ]
    if config.head.num_steps is not None:
        found.append(
            _parameter(
                HEAD_STEPS,
                "NUMBER_INTEGER",
                config.head.num_steps,
                _HEAD_STEPS_OF_MODE[config.head.mode],
                "Trainer",
                Overlay(HEAD_STEPS, ("custom_config", "head", config.head.mode, "num_steps")),
            )
        )
    if "path" in type(source).model_fields:
        found.append(
            _parameter(
                "data_path",
                "STRING",
                getattr(source, "path", None) or "",
                f"Location of the data ({source.kind})",
                "ImageExampleGen",
                Overlay("data_path", ("ingest", "source", "path"), nullable=True),
            )
        )
    return tuple(found)


def _parameter(
    name: str, kind: ParameterType, default: str | int, description: str, node_id: str, overlay: Overlay
) -> RunParameter:
    overlays: dict[str, tuple[Overlay, ...]] = {node_id: (overlay,)}
    if kind == "NUMBER_INTEGER":  # the registered model says with what it was made
        overlays["RegistryPusher"] = (Overlay(name, ("facts", "parameters", name), overlay.nullable),)
    return RunParameter(name, kind, default, description, overlays)
