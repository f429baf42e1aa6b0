"""A stand-in for TF Serving, which no package registry has: its gRPC services over one directory of versions.

The protocol is the real one (tensorflow-serving-api, gRPC over a socket), and so are the directory, the
SavedModel and the warm-up requests. Ours is what follows: newest version, no batching, no reload. Errors get
TF Serving's status codes: NOT_FOUND for an unknown model or signature, INVALID_ARGUMENT for a bad request.
"""

import concurrent.futures
import contextlib
import os
from collections.abc import Iterator
from typing import Any

import grpc
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_log_pb2,
    prediction_service_pb2_grpc,
)

from tfx_contrastive.contract.signatures import WARM_UP_PATH


class _Server(
    prediction_service_pb2_grpc.PredictionServiceServicer, model_service_pb2_grpc.ModelServiceServicer
):
    def __init__(self, name: str, base_dir: Any) -> None:
        self._name = name
        self._version = max(int(entry) for entry in os.listdir(base_dir) if entry.isdecimal())
        model_dir = os.path.join(base_dir, str(self._version))
        self._model = tf.saved_model.load(model_dir)
        self.num_warmed_up = 0
        for record in tf.data.TFRecordDataset(os.path.join(model_dir, WARM_UP_PATH)).as_numpy_iterator():
            self._answer(prediction_log_pb2.PredictionLog.FromString(record).predict_log.request)
            self.num_warmed_up += 1

    def Predict(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        signatures = self._model.signatures
        if request.model_spec.name != self._name or request.model_spec.signature_name not in signatures:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no such model or signature: {request.model_spec}")
        try:
            return self._answer(request)
        except tf.errors.InvalidArgumentError as error:
            return context.abort(grpc.StatusCode.INVALID_ARGUMENT, error.message)

    def GetModelStatus(self, request: Any, context: Any) -> Any:  # noqa: N802
        if request.model_spec.name != self._name:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no such model: {request.model_spec}")
        status = get_model_status_pb2.ModelVersionStatus(
            version=self._version, state=get_model_status_pb2.ModelVersionStatus.AVAILABLE
        )
        return get_model_status_pb2.GetModelStatusResponse(model_version_status=[status])

    def _answer(self, request: Any) -> Any:
        inputs = {key: tf.constant(tf.make_ndarray(value)) for key, value in request.inputs.items()}
        outputs = self._model.signatures[request.model_spec.signature_name](**inputs)
        response = predict_pb2.PredictResponse()
        response.model_spec.CopyFrom(request.model_spec)
        response.model_spec.version.value = self._version
        for key, value in outputs.items():
            response.outputs[key].CopyFrom(tf.make_tensor_proto(value))
        return response


@contextlib.contextmanager
def serving(name: str, base_dir: Any) -> Iterator[Any]:
    """Serves the newest version on a free port of this machine; yields the address and the service."""
    service = _Server(name, base_dir)
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(service, server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}", service
    finally:
        server.stop(None).wait()
