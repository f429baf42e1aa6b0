"""The baseline of `data_plane`: the same images through TFX's own components, as its examples do it.

Run as a program: `python -m benchmarks.stock_tfx SOURCE MODEL ROOT`, where SOURCE holds
`Split-<name>/` folders of `tf.train.Example` files with `image` (PNG) and `label` (text), and MODEL is
a Model artifact's directory.
"""

import sys

import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_model_analysis.proto import config_pb2
from tfx import v1 as tfx

NAME = "stock"


def preprocessing_fn(inputs):
    """Decodes each image to float32 and scales it: what TFX's image examples did."""

    def decode(encoded):
        pixels = tf.io.decode_png(encoded, channels=1)
        return tf.image.resize(tf.cast(pixels, tf.float32) / 255.0, [28, 28])

    encoded = tf.reshape(inputs["image"], [-1])
    pixels = tf.map_fn(decode, encoded, fn_output_signature=tf.float32)
    outputs = {"image_xf": tf.reshape(pixels, [-1, 28, 28, 1])}
    tft.vocabulary(inputs["label"], vocab_filename="labels")
    return outputs


def create_pipeline(source: str, model: str, root: str) -> tfx.dsl.Pipeline:
    """ImportExampleGen, StatisticsGen, SchemaGen, Transform, Evaluator with their defaults."""
    splits = [
        tfx.proto.Input.Split(name=name, pattern=f"Split-{name}/*") for name in ("train", "eval", "test")
    ]
    example_gen = tfx.components.ImportExampleGen(
        input_base=source, input_config=tfx.proto.Input(splits=splits)
    )
    examples = example_gen.outputs["examples"]
    statistics_gen = tfx.components.StatisticsGen(examples=examples)
    schema_gen = tfx.components.SchemaGen(statistics=statistics_gen.outputs["statistics"])
    transform = tfx.components.Transform(
        examples=examples,
        schema=schema_gen.outputs["schema"],
        preprocessing_fn="benchmarks.stock_tfx.preprocessing_fn",
    )
    importer = tfx.dsl.Importer(source_uri=model, artifact_type=tfx.types.standard_artifacts.Model).with_id(
        "model"
    )
    evaluator = tfx.components.Evaluator(
        examples=examples,
        example_splits=["test"],
        model=importer.outputs["result"],
        eval_config=config_pb2.EvalConfig(
            model_specs=[
                config_pb2.ModelSpec(
                    signature_name="serving_default", label_key="label", prediction_key="probabilities"
                )
            ],
            slicing_specs=[config_pb2.SlicingSpec(), config_pb2.SlicingSpec(feature_keys=["label"])],
            metrics_specs=[
                config_pb2.MetricsSpec(
                    metrics=[config_pb2.MetricConfig(class_name="SparseCategoricalAccuracy")]
                )
            ],
        ),
    )
    return tfx.dsl.Pipeline(
        pipeline_name=NAME,
        pipeline_root=root,
        components=[example_gen, statistics_gen, schema_gen, transform, importer, evaluator],
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            f"{root}/metadata.sqlite"
        ),
    )


if __name__ == "__main__":
    arguments, sys.argv = sys.argv[1:], sys.argv[:1]
    tfx.orchestration.LocalDagRunner().run(create_pipeline(*arguments))
