"""The topology of the pipeline: one function per stage, the same for every runner."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from tfx import v1 as tfx
from tfx.dsl.components.base import base_beam_component, base_node

from tfx_contrastive.components.anomaly_gate.component import AnomalyGate
from tfx_contrastive.components.baseline_resolver.component import BaselineResolver
from tfx_contrastive.components.combined_blessing.component import CombinedBlessing
from tfx_contrastive.components.compatibility.component import CompatibilityCheck
from tfx_contrastive.components.embedding_gen.component import EmbeddingGen
from tfx_contrastive.components.evaluation.config import gate_config, report_config
from tfx_contrastive.components.examples.schema import stats_options
from tfx_contrastive.components.image_example_gen.component import ImageExampleGen
from tfx_contrastive.components.registry_pusher.component import RegistryPusher
from tfx_contrastive.components.representation_gate.component import RepresentationGate
from tfx_contrastive.components.similarity_index_gen.component import SimilarityIndexGen
from tfx_contrastive.contract.errors import ConfigError
from tfx_contrastive.contract.examples import EVAL, TEST, TRAIN
from tfx_contrastive.pipeline import schema
from tfx_contrastive.pipeline.config import PipelineConfig
from tfx_contrastive.pipeline.runs.metadata import connection_config
from tfx_contrastive.pipeline.source import Source, code_digest, provenance
from tfx_contrastive.trainer_module.config import ExportConfig


@dataclasses.dataclass(frozen=True)
class Data:
    """Output channels of the data stage."""

    examples: Any
    statistics: Any
    schema: Any
    transform_graph: Any
    nodes: tuple[base_node.BaseNode, ...]


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A model that may be pushed, and the channels with its evidence.

    Attributes:
        model: Channel of the model.
        blessing: Channel of the last gate that it must pass.
        evidence: Channels of its metrics, by the names of RegistryPusher's inputs.
        nodes: Every node after the data stage that produces it.
    """

    model: Any
    blessing: Any
    evidence: Mapping[str, Any]
    nodes: tuple[base_node.BaseNode, ...]


def create_pipeline(config: PipelineConfig, source: Source) -> tfx.dsl.Pipeline:
    """Build the pipeline.

    Args:
        config: The configuration.
        source: The state of the data.

    Returns:
        The whole chain if images have labels. Without labels it ends with the encoder, which is pushed if
        its representation passes the gate.
    """
    data = data_stage(config, source)
    tuner = tuning_stage(config, source, data) if config.tuner.enabled else None
    encoder = pretraining_stage(config, data, tuner, shipped=not source.has_labels)
    candidate = classifier_stage(config, data, encoder) if source.has_labels else encoder
    nodes = [*data.nodes, *candidate.nodes, *delivery_stage(config, data, candidate)]
    _add_beam_args(config, nodes)
    return tfx.dsl.Pipeline(
        pipeline_name=config.name,
        pipeline_root=config.root,
        components=nodes,
        enable_cache=True,
        metadata_connection_config=connection_config(config),
        beam_pipeline_args=config.beam.pipeline_args(),
    )


def data_stage(config: PipelineConfig, source: Source) -> Data:
    """Build the nodes from images to examples, statistics, schema, anomaly gate and transform graph."""
    example_gen = ImageExampleGen(ingest=config.data.model_dump_json(), fingerprint=source.fingerprint)
    examples = example_gen.outputs["examples"]
    statistics_gen = tfx.components.StatisticsGen(examples=examples, stats_options=stats_options())
    statistics = statistics_gen.outputs["statistics"]
    if config.schema_path:
        schema_file = schema.staged(config.schema_path, config.root)
        schema_gen = tfx.components.ImportSchemaGen(schema_file=schema_file)
    else:
        schema_gen = tfx.components.SchemaGen(statistics=statistics, infer_feature_shape=True)
    schema_channel = schema_gen.outputs["schema"]
    validator = tfx.components.ExampleValidator(statistics=statistics, schema=schema_channel)
    gate = AnomalyGate(anomalies=validator.outputs["anomalies"])
    transform = tfx.components.Transform(
        examples=examples,
        schema=schema_channel,
        preprocessing_fn="tfx_contrastive.trainer_module.preprocessing.preprocessing_fn",
        custom_config={"image": config.image.model_dump_json(), "code": code_digest("trainer_module")},
        splits_config=tfx.proto.SplitsConfig(analyze=[TRAIN], transform=[TRAIN]),
        materialize=False,
        disable_statistics=True,
    )
    transform.add_upstream_node(gate)
    nodes = (example_gen, statistics_gen, schema_gen, validator, gate, transform)
    return Data(examples, statistics, schema_channel, transform.outputs["transform_graph"], nodes)


def tuning_stage(config: PipelineConfig, source: Source, data: Data) -> base_node.BaseNode:
    """Build the search for hyperparameters of pretraining; each trial is scored on the labels of `eval`."""
    if not source.has_labels:
        raise ConfigError(
            "tuner.enabled is true, but no image has a label: the Tuner scores its trials by the labels of "
            "`eval`. Label some images, or set tuner.enabled to false."
        )
    return tfx.components.Tuner(
        tuner_fn="tfx_contrastive.trainer_module.entry.tuner_fn",
        examples=data.examples,
        transform_graph=data.transform_graph,
        schema=data.schema,
        train_args=tfx.proto.TrainArgs(splits=[TRAIN]),
        eval_args=tfx.proto.EvalArgs(splits=[EVAL]),
        custom_config=_pretraining_config(config),
    )


def pretraining_stage(
    config: PipelineConfig, data: Data, tuner: base_node.BaseNode | None, shipped: bool
) -> Candidate:
    """Build contrastive pretraining on every image, and the gate on its representation.

    Only an encoder that is `shipped` itself is exported to other formats.
    """
    serving = config.serving if shipped else config.serving.model_copy(update={"export": ExportConfig()})
    pretrainer = tfx.components.Trainer(
        run_fn="tfx_contrastive.trainer_module.entry.pretrain_run_fn",
        examples=data.examples,
        transform_graph=data.transform_graph,
        schema=data.schema,
        train_args=tfx.proto.TrainArgs(splits=[TRAIN, EVAL]),
        eval_args=tfx.proto.EvalArgs(splits=[EVAL]),
        hyperparameters=tuner.outputs["best_hyperparameters"] if tuner else None,
        custom_config=_pretraining_config(config) | {"serving": serving.model_dump_json()},
    ).with_id("Pretrainer")
    gate = RepresentationGate(
        examples=data.examples,
        model=pretrainer.outputs["model"],
        gate=config.representation_gate.model_dump_json(),
    )
    return Candidate(
        model=pretrainer.outputs["model"],
        blessing=gate.outputs["blessing"],
        evidence={"representation": gate.outputs["representation"]},
        nodes=(*([tuner] if tuner else []), pretrainer, gate),
    )


def classifier_stage(config: PipelineConfig, data: Data, encoder: Candidate) -> Candidate:
    """Build the training of the head on the labeled images, and its comparison with the model in use."""
    trainer = tfx.components.Trainer(
        run_fn="tfx_contrastive.trainer_module.entry.head_run_fn",
        examples=data.examples,
        transform_graph=data.transform_graph,
        schema=data.schema,
        base_model=encoder.model,
        train_args=tfx.proto.TrainArgs(splits=[TRAIN]),
        eval_args=tfx.proto.EvalArgs(splits=[EVAL]),
        custom_config={
            "head": config.head.model_dump_json(),
            "serving": config.serving.model_dump_json(),
            "code": code_digest("trainer_module"),
        },
    )
    model = trainer.outputs["model"]
    baseline = BaselineResolver(
        model=model,
        serving_dir=config.serving_dir,
        policy=config.baseline.policy,
        reset_token=config.baseline.reset_token,
        classes=config.baseline.classes,
    )
    evaluator = tfx.components.Evaluator(
        examples=data.examples,
        example_splits=[EVAL],
        model=model,
        baseline_model=baseline.outputs["baseline_model"],
        schema=data.schema,
        eval_config=gate_config(config.evaluation, config.baseline.classes),
    )
    test_evaluator = tfx.components.Evaluator(
        examples=data.examples,
        example_splits=[TEST],
        model=model,
        schema=data.schema,
        eval_config=report_config(),
    ).with_id("TestEvaluator")
    combined = CombinedBlessing(
        representation=encoder.blessing,
        evaluation=evaluator.outputs["blessing"],
    )
    return Candidate(
        model=model,
        blessing=combined.outputs["blessing"],
        evidence={
            **encoder.evidence,
            "evaluation": evaluator.outputs["evaluation"],
            "test_evaluation": test_evaluator.outputs["evaluation"],
        },
        nodes=(*encoder.nodes, trainer, baseline, evaluator, test_evaluator, combined),
    )


def delivery_stage(
    config: PipelineConfig, data: Data, candidate: Candidate
) -> tuple[base_node.BaseNode, ...]:
    """Build the delivery of a blessed model: version to serve, embeddings, index, registration."""
    compatibility = CompatibilityCheck(
        examples=data.examples,
        model=candidate.model,
        serving_dir=config.serving_dir,
        config=config.compatibility.model_dump_json(),
        embeddings_cache_dir=f"{config.root}/embeddings",
    )
    destination = tfx.proto.PushDestination(
        filesystem=tfx.proto.PushDestination.Filesystem(base_directory=config.pushed_dir)
    )
    pusher = tfx.components.Pusher(
        model=candidate.model, model_blessing=candidate.blessing, push_destination=destination
    )
    embedding_gen = EmbeddingGen(
        examples=data.examples,
        model=candidate.model,
        embedding=config.embedding.model_dump_json(),
        cache_dir=f"{config.root}/embeddings",
    )
    embeddings = embedding_gen.outputs["embeddings"]
    index_gen = SimilarityIndexGen(embeddings=embeddings, index=config.index.model_dump_json())
    # Only this node writes to serving_dir: whole versions at once, after promotion. It comes last, so that a
    # champion has its index from the first moment, and its record names it.
    registry_pusher = RegistryPusher(
        model=candidate.model,
        pushed_model=pusher.outputs["pushed_model"],
        examples=data.examples,
        registry=config.registry.model_dump_json(),
        name=config.name,
        directory=f"{config.root}/registry",
        serving_dir=config.serving_dir,
        facts=json.dumps(provenance(config), sort_keys=True),
        schema=data.schema,
        statistics=data.statistics,
        embeddings=embeddings,
        similarity_index=index_gen.outputs["similarity_index"],
        blessing=candidate.blessing,
        compatibility=compatibility.outputs["compatibility"],  # measured before the model in use is replaced
        **candidate.evidence,
    )
    return compatibility, pusher, embedding_gen, index_gen, registry_pusher


def _pretraining_config(config: PipelineConfig) -> dict[str, str]:
    """Return the custom_config of Tuner and Pretrainer; the search space only if there is a search."""
    custom_config = {
        "pretrain": config.pretrain.model_dump_json(),
        "checkpoint_root": f"{config.checkpoint_root}/{code_digest('trainer_module')}",
    }
    return custom_config | ({"tuner": config.tuner.model_dump_json()} if config.tuner.enabled else {})


def _add_beam_args(config: PipelineConfig, nodes: Sequence[base_node.BaseNode]) -> None:
    """Set the Beam options of classes of nodes, then those of single nodes; the last one wins."""
    beam_nodes = [node for node in nodes if isinstance(node, base_beam_component.BaseBeamComponent)]
    names = {node.id: tuple(dict.fromkeys((type(node).__name__, node.id))) for node in beam_nodes}
    known = sorted({name for pair in names.values() for name in pair})
    for name in config.beam.by_component:
        if name not in known:
            raise ConfigError(
                f"beam.by_component: received {name!r}, expected a component that runs on Beam: "
                f"{', '.join(known)}."
            )
    for node in beam_nodes:
        args = [arg for name in names[node.id] for arg in config.beam.by_component.get(name, ())]
        if args:
            node.with_beam_pipeline_args(args)
