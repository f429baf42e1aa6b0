import pathlib

import pytest
import yaml

from pipeline.config import load_config

FOLDER = pathlib.Path(__file__).parents[2] / "deploy" / "kubeflow"
MANIFESTS = sorted(path.name for path in FOLDER.glob("*.yaml"))
# Kinds of Kubernetes itself; the others have their schema in an operator.
OWN = [name for name in MANIFESTS if name not in ("kserve.yaml", "kustomization.yaml")]


def documents(name):
    return list(yaml.safe_load_all((FOLDER / name).read_text()))


def find(kind, name):
    return next(document for document in documents(name) if document["kind"] == kind)


@pytest.mark.parametrize("name", OWN)
def test_manifests_fit_the_kubernetes_schemas(name):
    validator = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    for document in documents(name):
        validator.validate(document, "1.30", strict=True)


def test_kustomization_names_every_manifest_that_needs_no_operator():
    assert sorted(find("Kustomization", "kustomization.yaml")["resources"]) == OWN


def test_every_object_is_in_the_namespace():
    namespace = find("Namespace", "namespace.yaml")["metadata"]["name"]
    for name in set(MANIFESTS) - {"namespace.yaml", "kustomization.yaml"}:
        assert {document["metadata"]["namespace"] for document in documents(name)} == {namespace}


def test_tasks_mount_the_claim_under_the_state_root():
    kubeflow = load_config("fashion_mnist").kubeflow
    (volume,) = kubeflow.defaults.volumes
    assert volume.claim == find("PersistentVolumeClaim", "storage.yaml")["metadata"]["name"]
    assert volume.mount_path == kubeflow.state_root


def test_what_the_pusher_writes_is_what_is_served():
    config = load_config("fashion_mnist")
    below = config.serving_dir.removeprefix(config.root)
    pod = find("Deployment", "serving.yaml")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    mount = container["volumeMounts"][0]["mountPath"]
    assert f"--model_base_path={mount}{below}" in container["args"]
    claim = pod["volumes"][0]["persistentVolumeClaim"]["claimName"]
    served = find("InferenceService", "kserve.yaml")["spec"]["predictor"]["model"]["storageUri"]
    assert served == f"pvc://{claim}{below}"
