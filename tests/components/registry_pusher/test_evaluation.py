"""The metrics in files that TFMA itself has written."""

from typing import Any

import apache_beam as beam
import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2
from tfx_bsl.public import tfxio

from tfx_contrastive.components.evaluation.results import EvaluationResult
from tfx_contrastive.components.registry_pusher import card
from tfx_contrastive.components.registry_pusher.facts import metrics_of


@pytest.fixture(scope="module")
def evaluation(models: list[str], example_dir: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    config = config_pb2.EvalConfig(
        model_specs=[
            config_pb2.ModelSpec(
                name="candidate",
                signature_name="serving_default",
                label_key="label",
                prediction_key="probabilities",
            )
        ],
        slicing_specs=[config_pb2.SlicingSpec(), config_pb2.SlicingSpec(feature_keys=["label"])],
        metrics_specs=[
            config_pb2.MetricsSpec(
                metrics=[
                    config_pb2.MetricConfig(
                        class_name="SparseCategoricalAccuracy", config='{"name": "accuracy"}'
                    ),
                    config_pb2.MetricConfig(class_name="ExampleCount"),
                ]
            )
        ],
    )
    output = str(tmp_path_factory.mktemp("evaluation"))
    shared = tfma.default_eval_shared_model(models[0], model_name="candidate", eval_config=config)
    with beam.Pipeline() as pipeline:
        _ = (
            pipeline
            | tfxio.TFExampleRecord(
                f"{example_dir}/*",
                telemetry_descriptors=["test"],
                raw_record_column_name=tfma.ARROW_INPUT_COLUMN,
            ).BeamSource()
            | tfma.ExtractEvaluateAndWriteResults(
                eval_shared_model=shared, eval_config=config, output_path=output
            )
        )
    return metrics_of(EvaluationResult(output))


def test_overall_and_slices_are_read(evaluation: Any) -> None:
    assert evaluation["overall"]["example_count"] == 40
    assert evaluation["overall"]["accuracy"] == 0.5  # every image is an ankle boot to this model
    assert evaluation["label:ankle boot"]["accuracy"] == 1.0
    assert evaluation["label:café/bar"]["accuracy"] == 0.0


def test_the_card_shows_them(evaluation: Any) -> None:
    text = card.render("clothes", "d", {"metrics": {"test": evaluation}})
    assert "## Metrics on `test`" in text
    assert "| label:café/bar | 0.0000 |" in text
