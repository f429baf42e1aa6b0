"""The RegistryPusher node."""

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from tfx_contrastive.components.artifacts import (
    CompatibilityReport,
    Embeddings,
    ModelRegistration,
    RepresentationReport,
    SimilarityIndex,
)
from tfx_contrastive.components.registry_pusher import executor


class RegistryPusherSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of RegistryPusher."""

    PARAMETERS = {  # noqa: RUF012 - TFX's convention
        "registry": component_spec.ExecutionParameter(type=str),
        "name": component_spec.ExecutionParameter(type=str),
        "directory": component_spec.ExecutionParameter(type=str),
        "serving_dir": component_spec.ExecutionParameter(type=str),
        "facts": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "pushed_model": component_spec.ChannelParameter(type=standard_artifacts.PushedModel),
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema, optional=True),
        "statistics": component_spec.ChannelParameter(
            type=standard_artifacts.ExampleStatistics, optional=True
        ),
        "embeddings": component_spec.ChannelParameter(type=Embeddings, optional=True),
        "similarity_index": component_spec.ChannelParameter(type=SimilarityIndex, optional=True),
        "blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing, optional=True),
        "evaluation": component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation, optional=True),
        "test_evaluation": component_spec.ChannelParameter(
            type=standard_artifacts.ModelEvaluation, optional=True
        ),
        "representation": component_spec.ChannelParameter(type=RepresentationReport, optional=True),
        "compatibility": component_spec.ChannelParameter(type=CompatibilityReport, optional=True),
    }
    OUTPUTS = {  # noqa: RUF012
        "registration": component_spec.ChannelParameter(type=ModelRegistration),
    }


class RegistryPusher(base_component.BaseComponent):
    """Registers the pushed model and makes it champion or challenger.

    The output `registration` holds `registration.json`. Its custom properties are `registered` (0 or 1),
    `version` (0 if not registered), `champion` (0 if there is none), `aliases` (separated by commas),
    `digest`, `reason`, and `served_as` (directory of the served version; empty if another model is served).
    """

    SPEC_CLASS = RegistryPusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        pushed_model: types.BaseChannel,
        examples: types.BaseChannel,
        registry: str,
        name: str,
        directory: str,
        serving_dir: str = "",
        facts: str = "{}",
        **evidence: types.BaseChannel,
    ):
        """Create the node.

        Args:
            model: The model that the Pusher received.
            pushed_model: Output of the Pusher, which says whether the model was pushed.
            examples: Examples; the model is called with one of them before it is registered.
            registry: RegistryConfig as JSON.
            name: Name of the registered model.
            directory: Local directory of the embedded registry, or of the cache of a remote one.
            serving_dir: Directory of numeric versions to publish the champion to; empty for none. It must not
                be the directory that the Pusher writes, which receives models before they are promoted.
            facts: JSON object of facts that only the wiring knows, such as `config_digest` and `git_commit`.
            **evidence: `schema`, `statistics`, `embeddings`, `similarity_index`, `blessing`, `evaluation`,
                `test_evaluation`, `representation` and `compatibility`, if the pipeline has them. The record
                of a version names all of them, so that consumers find the index of that version.
        """
        super().__init__(
            RegistryPusherSpec(
                model=model,
                pushed_model=pushed_model,
                examples=examples,
                registry=registry,
                name=name,
                directory=directory,
                serving_dir=serving_dir,
                facts=facts,
                registration=types.Channel(type=ModelRegistration),
                **evidence,
            )
        )
