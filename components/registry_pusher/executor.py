"""The executor of RegistryPusher: unpacks the artifacts, calls `registration.py`, records the outcome."""

import dataclasses
import json
from typing import Any

from tfx import types
from tfx.components.util import model_utils
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from tfx_contrastive.components.registry.commands import RegistryLocation, acting_user
from tfx_contrastive.components.registry.config import RegistryConfig
from tfx_contrastive.components.registry_pusher import facts
from tfx_contrastive.components.registry_pusher.registration import Registration, register_candidate
from tfx_contrastive.contract import files

_EVALUATIONS = {"eval": "evaluation", "test": "test_evaluation"}
_DIGEST_PROPERTY = "input_fingerprint"


class Executor(base_executor.BaseExecutor):
    """Registers the pushed model."""

    def Do(  # noqa: N802 - TFX's name
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Register the pushed model; see RegistryPusher for inputs, outputs and properties."""
        self._log_startup(input_dict, output_dict, exec_properties)
        location = RegistryLocation(
            config=RegistryConfig.model_validate_json(exec_properties["registry"]),
            name=exec_properties["name"],
            directory=exec_properties["directory"],
            serving_dir=exec_properties["serving_dir"] or None,
        )
        lineage = self._lineage(input_dict)
        actor = f"run {lineage['run']}" if lineage["run"] else acting_user()
        given = json.loads(exec_properties["facts"])
        registration = register_candidate(location, _sources(input_dict, lineage, given), actor)
        _record(artifact_utils.get_single_instance(output_dict["registration"]), registration)

    def _lineage(self, input_dict: dict[str, list[types.Artifact]]) -> dict[str, Any]:
        context = self._context
        info = context.pipeline_info if context else None
        return {
            "pipeline": info.id if info else "",
            "run": (context.pipeline_run_id if context else None) or "",
            # TFX has no public name for it; local runners set the execution's id in ML Metadata
            "execution": getattr(context, "_unique_id", None) or "",
            "artifacts": {
                key: [{"id": artifact.id, "uri": artifact.uri} for artifact in artifacts]
                for key, artifacts in input_dict.items()
            },
        }


def _sources(
    input_dict: dict[str, list[types.Artifact]], lineage: dict[str, Any], given: dict[str, Any]
) -> facts.Sources:
    def optional(key: str) -> types.Artifact | None:
        return artifact_utils.get_single_instance(input_dict[key]) if input_dict.get(key) else None

    model = artifact_utils.get_single_instance(input_dict["model"])
    pushed = artifact_utils.get_single_instance(input_dict["pushed_model"])
    examples = artifact_utils.get_single_instance(input_dict["examples"])
    blessing = optional("blessing")
    splits = artifact_utils.decode_split_names(examples.split_names)
    evaluations = {split: optional(key) for split, key in _EVALUATIONS.items()}
    representation, schema = optional("representation"), optional("schema")
    compatibility = optional("compatibility")
    return facts.Sources(
        model_dir=path_utils.serving_model_path(model.uri),
        example_dirs=[
            uri for split in reversed(splits) for uri in artifact_utils.get_split_uris([examples], split)
        ],
        evaluations={split: artifact.uri for split, artifact in evaluations.items() if artifact},
        representation_uri=representation.uri if representation else None,
        compatibility_uri=compatibility.uri if compatibility else None,
        schema_uri=schema.uri if schema else None,
        data=_data(examples),
        blessed=bool(pushed.get_int_custom_property("pushed"))
        and (blessing is None or model_utils.is_model_blessed(blessing)),
        refused_by=blessing.get_string_custom_property("refused_by") if blessing else "",
        lineage=lineage,
        given=given,
    )


def _data(examples: types.Artifact) -> dict[str, Any]:
    """Return the counts that ImageExampleGen has set on its artifact."""
    properties = examples.mlmd_artifact.custom_properties
    counts = {name: value.int_value for name, value in properties.items() if name.startswith("num_")}
    return {**counts, "digest": examples.get_string_custom_property(_DIGEST_PROPERTY)}


def _record(artifact: types.Artifact, registration: Registration) -> None:
    artifact.set_int_custom_property("registered", int(registration.version is not None))
    artifact.set_int_custom_property("version", registration.version or 0)
    artifact.set_int_custom_property("champion", registration.champion or 0)
    artifact.set_string_custom_property("aliases", ",".join(registration.aliases))
    artifact.set_string_custom_property("digest", registration.digest)
    artifact.set_string_custom_property("reason", registration.reason)
    artifact.set_string_custom_property("served_as", registration.served_as)
    content = json.dumps(dataclasses.asdict(registration), indent=2)
    files.write_text(f"{artifact.uri}/registration.json", content)
