"""The Beam components alone, on an engine of choice.

`python -m tests.pipeline.runners.data_plane MODEL_DIR KEY=VALUE …`
"""

import sys
from typing import Any

import tensorflow as tf
from tfx import v1 as tfx
from tfx.orchestration.beam.beam_dag_runner import BeamDagRunner

from tfx_contrastive.components.evaluation.config import report_config
from tfx_contrastive.components.image_example_gen import inspect_source
from tfx_contrastive.pipeline import pipeline as topology
from tfx_contrastive.pipeline.config import load_config
from tfx_contrastive.pipeline.runs.metadata import connection_config
from tfx_contrastive.pipeline.source import source_of

CLASSES = tuple("0123456789")


class BrightnessModel(tf.Module):
    """Ten classes by brightness alone: a model that needs no training, so that engines can be compared."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(self, examples: Any) -> Any:
        parsed = tf.io.parse_example(examples, {"brightness": tf.io.FixedLenFeature([1], tf.float32)})
        centres = tf.linspace(0.2, 0.4, len(CLASSES))[None]
        probabilities = tf.nn.softmax(-100.0 * tf.abs(parsed["brightness"] - centres))
        classes = tf.constant(CLASSES)
        return {
            "probabilities": probabilities,
            "label": tf.gather(classes, tf.argmax(probabilities, axis=1)),
            "all_classes": tf.tile(classes[None], [tf.shape(probabilities)[0], 1]),
        }


def main(model_dir: Any, overrides: Any) -> None:
    """Runs ingest, statistics, schema, validation, Transform and an Evaluator."""
    config = load_config("digits", overrides)
    module = BrightnessModel()
    tf.saved_model.save(module, f"{model_dir}/Format-Serving", signatures={"serving_default": module.serve})
    data = topology.data_stage(config, source_of(config, inspect_source(config.data)))
    model = tfx.dsl.Importer(source_uri=model_dir, artifact_type=tfx.types.standard_artifacts.Model)
    evaluator = tfx.components.Evaluator(
        examples=data.examples,
        example_splits=["test"],
        model=model.with_id("Model").outputs["result"],
        schema=data.schema,
        eval_config=report_config(),
    )
    pipeline = tfx.dsl.Pipeline(
        config.name,
        config.root,
        components=[*data.nodes, model, evaluator],
        metadata_connection_config=connection_config(config),
        beam_pipeline_args=config.beam.pipeline_args(),
    )
    sys.argv = sys.argv[:1]
    BeamDagRunner().run(pipeline)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
