"""The model behind TF Serving's protocol; the server is a stand-in (prediction_server.py)."""

import shutil
import time
from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from tests.trainer_module.digits_data import make_example
from tests.trainer_module.serving.prediction_server import serving


@pytest.fixture(scope="module")
def server(served: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    base_dir = tmp_path_factory.mktemp("versions") / "digits"
    shutil.copytree(served.encoder_dir, base_dir / "1")
    shutil.copytree(served.classifier_dir, base_dir / "2")
    with serving("digits", str(base_dir)) as (address, service):
        yield address, service


def request(signature: Any, argument: Any, values: Any, name: str = "digits") -> Any:
    message = predict_pb2.PredictRequest()
    message.model_spec.name = name
    message.model_spec.signature_name = signature
    message.inputs[argument].CopyFrom(tf.make_tensor_proto(values, tf.string, [len(values)]))
    return message


@pytest.fixture(scope="module")
def predict(server: Any) -> Iterator[Any]:
    with grpc.insecure_channel(server[0]) as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict


def test_the_newest_version_is_warm_before_it_answers(server: Any) -> None:
    assert server[1].num_warmed_up == 9


@pytest.mark.parametrize("count", [0, 1, 40])
def test_answers_are_those_of_the_saved_model(predict: Any, served: Any, count: Any) -> None:
    images = served.images[:count]
    model = tf.saved_model.load(served.classifier_dir)
    expected = model.signatures["classify_bytes"](image_bytes=tf.constant(images, tf.string))
    rows = [make_example(image) for image in images]
    for message in (
        request("classify_bytes", "image_bytes", images),
        request("serving_default", "examples", rows),
    ):
        answer = predict(message)
        assert answer.model_spec.version.value == 2
        outputs = {key: tf.make_ndarray(value) for key, value in answer.outputs.items()}
        assert set(outputs) == set(expected)
        np.testing.assert_allclose(outputs["probabilities"], expected["probabilities"], rtol=1e-5)
        np.testing.assert_array_equal(outputs["label"], expected["label"])
        np.testing.assert_array_equal(outputs["all_classes"], expected["all_classes"])


def test_a_bad_image_is_an_invalid_argument_and_the_server_goes_on(predict: Any, served: Any) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        predict(request("embed_bytes", "image_bytes", [served.images[0], b"<html>"]))
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "not an encoded image" in raised.value.details()
    answer = predict(request("embed_bytes", "image_bytes", served.images[:1]))
    assert tf.make_ndarray(answer.outputs["embedding"]).shape == (1, 128)


def test_tfxs_infra_validator_client_finds_the_model_available(server: Any, served: Any) -> None:
    client_module = pytest.importorskip(
        "tfx.components.infra_validator.model_server_clients.tensorflow_serving_client"
    )
    client = client_module.TensorFlowServingClient(server[0], "digits")
    client.WaitUntilModelLoaded(deadline=time.time() + 60, polling_interval_sec=1)
    client.SendRequests([request("classify_bytes", "image_bytes", served.images[:2])])
