"""Each logged request is sent to the model that it travels with."""

import collections
import os

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from tfx_contrastive.trainer_module.serving.warmup import WARM_UP_PATH


def requests_of(model_dir):
    """The requests as TF Serving reads them."""
    assert os.path.join("assets.extra", "tf_serving_warmup_requests") == WARM_UP_PATH  # TF Serving's name
    for record in tf.data.TFRecordDataset(os.path.join(model_dir, WARM_UP_PATH)).as_numpy_iterator():
        log = prediction_log_pb2.PredictionLog.FromString(record)
        assert log.WhichOneof("log_type") == "predict_log"
        yield log.predict_log.request


@pytest.mark.parametrize("kind", ["encoder", "classifier"])
def test_every_signature_answers_its_requests(served, kind):
    model_dir = getattr(served, f"{kind}_dir")
    model = tf.saved_model.load(model_dir)
    sizes = collections.defaultdict(list)
    for request in requests_of(model_dir):
        name = request.model_spec.signature_name
        signature = model.signatures[name]
        inputs = {key: tf.constant(tf.make_ndarray(value)) for key, value in request.inputs.items()}
        assert set(inputs) == set(signature.structured_input_signature[1])
        (rows,) = {len(value) for value in inputs.values()}
        for answer in signature(**inputs).values():
            assert len(answer) == rows
            if answer.dtype == tf.float32:
                assert np.isfinite(answer).all()
        sizes[name].append(rows)
    assert dict(sizes) == {name: [1, 3, 64] for name in model.signatures}


def test_two_exports_of_one_model_warm_up_alike(served):
    """The registry tells models apart by a digest of their files."""
    first, second = (
        [request for request in requests_of(directory) if request.model_spec.signature_name == "embed_bytes"]
        for directory in (served.encoder_dir, served.classifier_dir)
    )
    assert first == second
