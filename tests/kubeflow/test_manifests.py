import json
import pathlib
import types
from typing import Any

import kubernetes
import pytest
import yaml

from tfx_contrastive.pipeline.config import load_config
from tfx_contrastive.trainer_module.pretrain import __main__ as pretraining

FOLDER = pathlib.Path(__file__).parents[2] / "deploy" / "kubeflow"
MANIFESTS = sorted(path.name for path in FOLDER.glob("*.yaml"))
# Kinds of Kubernetes itself; the others have their schema in an operator.
OWN = [name for name in MANIFESTS if name not in ("kserve.yaml", "kustomization.yaml", "tfjob.yaml")]


def documents(name: Any) -> list[Any]:
    return list(yaml.safe_load_all((FOLDER / name).read_text()))


def find(kind: Any, name: Any) -> Any:
    return next(document for document in documents(name) if document["kind"] == kind)


def as_kubernetes_reads(document: Any, model: Any = None) -> Any:
    """A document after a round trip through the classes that are generated from Kubernetes' OpenAPI schema.

    Reading refuses what lacks a required field; what is unknown or of another type doesn't come back.
    """
    model = model or f"{document['apiVersion'].rpartition('/')[2].title()}{document['kind']}"
    client = kubernetes.client.ApiClient()
    read = client.deserialize(types.SimpleNamespace(data=json.dumps(document)), model)
    return client.sanitize_for_serialization(read)


@pytest.mark.parametrize("name", OWN)
def test_manifests_fit_the_kubernetes_schemas(name: Any) -> None:
    for document in documents(name):
        assert as_kubernetes_reads(document) == document


def test_a_wrong_manifest_does_not_fit() -> None:
    (claim,) = documents("storage.yaml")
    mistyped = {**claim, "spec": {**claim["spec"], "acessModes": ["ReadWriteOnce"]}}
    assert as_kubernetes_reads(mistyped) != mistyped
    deployment = find("Deployment", "serving.yaml")
    with pytest.raises(ValueError, match="selector"):
        as_kubernetes_reads({**deployment, "spec": {"template": deployment["spec"]["template"]}})


def test_kustomization_names_every_manifest_that_needs_no_operator() -> None:
    assert sorted(find("Kustomization", "kustomization.yaml")["resources"]) == OWN


def test_every_object_is_in_the_namespace() -> None:
    namespace = find("Namespace", "namespace.yaml")["metadata"]["name"]
    for name in set(MANIFESTS) - {"namespace.yaml", "kustomization.yaml"}:
        assert {document["metadata"]["namespace"] for document in documents(name)} == {namespace}


def test_tasks_mount_the_claim_under_the_state_root() -> None:
    kubeflow = load_config("fashion_mnist").kubeflow
    (volume,) = kubeflow.defaults.volumes
    assert volume.claim == find("PersistentVolumeClaim", "storage.yaml")["metadata"]["name"]
    assert volume.mount_path == kubeflow.state_root


def test_what_the_registry_publishes_is_what_is_served() -> None:
    config = load_config("fashion_mnist")
    below = config.serving_dir.removeprefix(config.root)
    pod = find("Deployment", "serving.yaml")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    mount = container["volumeMounts"][0]["mountPath"]
    assert f"--model_base_path={mount}{below}" in container["args"]
    claim = pod["volumes"][0]["persistentVolumeClaim"]["claimName"]
    served = find("InferenceService", "kserve.yaml")["spec"]["predictor"]["model"]["storageUri"]
    assert served == f"pvc://{claim}{below}"


def test_each_replica_of_the_training_job_gets_arguments_that_it_knows() -> None:
    job = find("TFJob", "tfjob.yaml")
    worker = job["spec"]["tfReplicaSpecs"]["Worker"]
    assert as_kubernetes_reads(worker["template"], "V1PodTemplateSpec") == worker["template"]
    (container,) = worker["template"]["spec"]["containers"]
    assert container["name"] == "tensorflow"  # else the operator sets no TF_CONFIG
    assert container["command"] == ["python", "-m", "tfx_contrastive.trainer_module.pretrain"]
    told = pretraining.parse(container["args"])
    assert told.pretrain.distribution.strategy == "multi_worker"
    assert told.pretrain.batch_size % worker["replicas"] == 0
    (mount,) = container["volumeMounts"]
    assert all(
        path.startswith(mount["mountPath"]) for path in (*told.examples, told.model_dir, told.state_dir)
    )
