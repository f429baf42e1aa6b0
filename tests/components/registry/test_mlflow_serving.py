"""MLflow's pyfunc and its scoring server on a registered version; the server is MLflow's own, over HTTP."""

import base64
import json
import os
import pathlib
import subprocess
import sys
import textwrap
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.components.registry import mlflow_servers
from tests.components.registry.conftest import record_of
from tests.components.tiny_models import digit_images, png, random_kernel, save_model
from tfx_contrastive.components.registry.store import CODE_FILE

NAMES = ("ankle boot", "café/bar", "c")


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Any:
    head = np.random.default_rng(0).normal(size=(16, 3)).astype(np.float32)
    return save_model(tmp_path_factory.mktemp("model") / "classifier", random_kernel(0), head, NAMES)


@pytest.fixture
def stored(registry: Any, classifier: Any) -> Any:
    """Directory of the registered version."""
    return registry.fetch(registry.register(classifier, record_of(classifier)).number)


@pytest.fixture(scope="module")
def images() -> Any:
    return [png(image) for image in digit_images(5)[0]]


def direct(model_dir: str, images: Any, signature: Any = "classify_bytes") -> Any:
    model = tf.saved_model.load(model_dir)
    return model.signatures[signature](image_bytes=tf.constant(images, tf.string))


def load(stored: Any) -> Any:
    import mlflow

    return mlflow.pyfunc.load_model(stored)


def test_pyfunc_answers_as_the_saved_model_does(stored: Any, classifier: Any, images: Any) -> None:
    answer = load(stored).predict({"image_bytes": images})
    expected = direct(classifier, images)
    assert list(answer.columns) == ["all_classes", "label", "probabilities"]
    assert list(answer["label"]) == [label.decode() for label in expected["label"].numpy()]
    assert list(answer["all_classes"]) == [list(NAMES)] * 5
    np.testing.assert_allclose(np.stack(answer["probabilities"]), expected["probabilities"], rtol=1e-6)


def test_pyfunc_calls_the_signature_that_is_named(stored: Any, classifier: Any, images: Any) -> None:
    answer = load(stored).predict({"image_bytes": images}, params={"signature_name": "embed_bytes"})
    expected = direct(classifier, images, "embed_bytes")["embedding"]
    np.testing.assert_allclose(np.stack(answer["embedding"]), expected, rtol=1e-6)


def test_an_encoder_embeds(registry: Any, tmp_path: pathlib.Path, images: Any) -> None:
    encoder = save_model(tmp_path / "encoder", random_kernel(1))
    stored = registry.fetch(registry.register(encoder, record_of(encoder)).number)
    answer = load(stored).predict({"image_bytes": images})
    assert np.stack(answer["embedding"]).shape == (5, 16)


def test_a_request_that_cannot_be_answered_says_why(stored: Any, images: Any) -> None:
    from mlflow.exceptions import MlflowException

    model = load(stored)
    with pytest.raises(MlflowException, match="Unknown image file format") as raised:
        model.predict({"image_bytes": [images[0], b"garbage"]})
    assert raised.value.get_http_status_code() == 400
    with pytest.raises(
        MlflowException, match=r"has the signatures classify_bytes, embed_bytes; received 'x'"
    ):
        model.predict({"image_bytes": images}, params={"signature_name": "x"})


def test_what_is_stored_needs_nothing_of_the_project(stored: Any) -> None:
    """Without `site`, the project's editable install is out of reach: MLflow and TensorFlow only."""
    script = """
        import sys
        sys.path += sys.argv[2:]
        import mlflow, pandas
        model = mlflow.pyfunc.load_model(sys.argv[1])
        print(len(model.predict(pandas.DataFrame({"image_bytes": []}, dtype=object))))
        print([name for name in ("tfx_contrastive", "tfx") if name in sys.modules])
        import tfx_contrastive
    """
    site = [path for path in sys.path if path.endswith("site-packages")]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", textwrap.dedent(script), stored, *site],
        cwd=stored,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[-2:] == ["0", "[]"], done.stderr
    assert "No module named 'tfx_contrastive'" in done.stderr
    assert os.path.exists(os.path.join(stored, CODE_FILE))


@pytest.fixture
def scoring_server(stored: Any, tmp_path: pathlib.Path) -> Iterator[Any]:
    """URI of `mlflow models serve` on the registered version."""
    arguments = ["models", "serve", "--model-uri", stored, "--workers", "1", "--env-manager", "local"]
    with mlflow_servers.running(arguments, tmp_path, "/ping") as uri:
        yield f"{uri}/invocations"


def post(uri: Any, body: Any) -> Any:
    request = urllib.request.Request(uri, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


@pytest.mark.slow
def test_mlflows_scoring_server_classifies_and_embeds(
    scoring_server: Any, classifier: Any, images: Any
) -> None:
    def rows(contents: Any) -> Any:
        return {
            "dataframe_split": {
                "columns": ["image_bytes"],
                "data": [[base64.b64encode(content).decode()] for content in contents],
            }
        }

    status, answer = post(scoring_server, rows(images))
    assert status == 200
    expected = direct(classifier, images)
    assert [row["label"] for row in answer["predictions"]] == [
        label.decode() for label in expected["label"].numpy()
    ]
    probabilities = [row["probabilities"] for row in answer["predictions"]]
    np.testing.assert_allclose(probabilities, expected["probabilities"], rtol=1e-5)
    status, answer = post(scoring_server, {**rows(images), "params": {"signature_name": "embed_bytes"}})
    assert (status, len(answer["predictions"][0]["embedding"])) == (200, 16)
    assert post(scoring_server, rows([])) == (200, {"predictions": []})
    status, answer = post(scoring_server, rows([images[0], b"<html>"]))
    assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert "Unknown image file format" in answer["message"]
    assert post(scoring_server, rows(images[:1]))[0] == 200
