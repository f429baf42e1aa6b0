"""The run-time parameters of a compiled pipeline, and how they reach the components.

A component gets its configuration as one JSON string, which is fixed when the pipeline is compiled. A
run-time parameter is a separate input of the task, so that the cache of KFP depends on it. The entry point of
the container writes its value into the JSON string, at the place that an `Overlay` in the container arguments
names.
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from tfx_contrastive.pipeline.config import PipelineConfig

STATE_ROOT = "state_root"
EXECUTION = "execution"


@dataclasses.dataclass(frozen=True)
class Overlay:
    """A place in the configuration of a component that a parameter sets.

    Attributes:
        parameter: Name of the run-time parameter.
        path: Name of the execution property, then keys; strings on the way are read as JSON.
        nullable: Whether 0 or an empty text means null.
    """

    parameter: str
    path: tuple[str, ...]
    nullable: bool = False


def encode_overlays(overlays: Iterable[Overlay]) -> str:
    """Return overlays as one container argument."""
    return json.dumps([dataclasses.asdict(overlay) for overlay in overlays])


def decode_overlays(text: str) -> tuple[Overlay, ...]:
    """Read the result of `encode_overlays`."""
    return tuple(
        Overlay(item["parameter"], tuple(item["path"]), item["nullable"]) for item in json.loads(text)
    )


def apply_overlays(
    properties: Mapping[str, Any], overlays: Iterable[Overlay], parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """Write the values of parameters into execution properties.

    Args:
        properties: Execution properties by name.
        overlays: The places to set.
        parameters: Values of the run-time parameters as KFP passes them: numbers are floats.

    Returns:
        The properties with the values in place.

    Raises:
        ValueError: If a parameter has no value, or a place does not exist.
    """
    result = dict(properties)
    for overlay in overlays:
        if overlay.parameter not in parameters:
            raise ValueError(
                f"Received no value of the parameter {overlay.parameter!r}; expected one from KFP. "
                "Compile the pipeline again: its file and the image differ in version."
            )
        value = parameters[overlay.parameter]
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if overlay.nullable and not value:
            value = None
        name, *keys = overlay.path
        if name not in result:
            raise ValueError(f"Received an overlay of {name!r}; expected one of {', '.join(sorted(result))}.")
        result[name] = _set(result[name], keys, value, ".".join(overlay.path))
    return result


def fill_tokens(value: str, tokens: Mapping[str, str]) -> str:
    """Replace each `${name}` by its value.

    Raises:
        ValueError: If a value would break the JSON around it.
    """
    for name, text in tokens.items():
        token = token_of(name)
        if token not in value:
            continue
        if any(character in text for character in "\"'\\{}$\n"):
            raise ValueError(
                f"Received {text!r} for {name}; expected a path without quotes, backslashes, braces, dollars."
            )
        value = value.replace(token, text.rstrip("/"))
    return value


def token_of(name: str) -> str:
    """Return the text in a compiled constant that is replaced by a value at run time."""
    return f"${{{name}}}"


def _set(holder: Any, keys: list[str], value: Any, path: str) -> Any:
    if not keys:
        return value
    if isinstance(holder, str):
        return json.dumps(_set(json.loads(holder), keys, value, path))
    if not isinstance(holder, dict) or keys[0] not in holder:
        raise ValueError(
            f"Received an overlay of {path}; {keys[0]!r} is not there. Compile the pipeline again."
        )
    return {**holder, keys[0]: _set(holder[keys[0]], keys[1:], value, path)}


HEAD_STEPS = "head_steps"
_HEAD_STEPS_OF_MODE = {
    "fine_tune": "Steps of fine-tuning the classifier, at least",
    "self_training": "Steps per round of self-training the classifier, at least",
}

ParameterType = Literal["STRING", "NUMBER_INTEGER"]


@dataclasses.dataclass(frozen=True)
class RunParameter:
    """A run-time parameter of the pipeline, besides the `pipeline_root` of KFP.

    Attributes:
        name: Name of the parameter.
        type: The type in KFP.
        default: The value in the compiled configuration.
        description: One line for the user interface.
        overlays: Node id -> places that the parameter sets; `state_root` replaces `${state_root}` instead.
    """

    name: str
    type: ParameterType
    default: str | int
    description: str
    overlays: dict[str, tuple[Overlay, ...]] = dataclasses.field(default_factory=dict)


def run_parameters(config: PipelineConfig, fingerprint: str) -> tuple[RunParameter, ...]:
    """Return the run-time parameters of a configuration.

    Args:
        config: The configuration.
        fingerprint: Fingerprint of the data when the pipeline was compiled; may be empty.
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
    if kind == "NUMBER_INTEGER":  # the registered model records the value
        overlays["RegistryPusher"] = (Overlay(name, ("facts", "parameters", name), overlay.nullable),)
    return RunParameter(name, kind, default, description, overlays)
