"""`submit` against an in-process stand-in of the KFP API (api_server.py); no real server was asked."""

import datetime
import ipaddress
import pathlib
from collections.abc import Iterator
from typing import Any

import click.testing
import pytest
import yaml

from tests.kubeflow import api_server
from tfx_contrastive.pipeline.cli import kubeflow

pytest.importorskip("kfp", reason="the extra `kubeflow` is not installed")

SPEC = {
    "pipelineInfo": {"name": "digits"},
    "schemaVersion": "2.1.0",
    "root": {
        "dag": {"tasks": {}},
        "inputDefinitions": {
            "parameters": {
                "labels_per_class": {
                    "parameterType": "NUMBER_INTEGER",
                    "defaultValue": 20,
                    "isOptional": True,
                },
                "data_path": {"parameterType": "STRING", "defaultValue": "", "isOptional": True},
            }
        },
    },
}
PLATFORM: dict[str, Any] = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {}}}}}


@pytest.fixture
def compiled(tmp_path: pathlib.Path) -> str:
    path = tmp_path / "digits.yaml"
    path.write_text(yaml.safe_dump_all([SPEC, PLATFORM]))
    return str(path)


@pytest.fixture
def api(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("HOME", str(tmp_path))  # the client keeps its context there
    with api_server.serving(api_server.ApiServer()) as server:
        yield server


def submitted(*arguments: Any) -> Any:
    return click.testing.CliRunner().invoke(kubeflow.submit_command, list(arguments))


def test_a_run_is_started_with_typed_parameters_and_its_link_is_printed(api: Any, compiled: str) -> None:
    done = submitted(
        compiled,
        f"--host={api.url}",
        "--experiment=nightly",
        "--name=first",
        "--param=labels_per_class=5",
        "--param=data_path=s3://bucket/images",
        "--pipeline-root=s3://bucket/root",
    )
    assert done.output == f"Started first: {api.url}/#/runs/details/run-1\n"
    assert done.exit_code == 0
    assert [body["display_name"] for body in api.bodies("/experiments")] == ["nightly"]
    (run,) = api.bodies("/runs")
    assert run["runtime_config"] == {
        "parameters": {"labels_per_class": 5, "data_path": "s3://bucket/images"},
        "pipeline_root": "s3://bucket/root",
    }
    assert run["experiment_id"] == "experiment-1"
    spec = run["pipeline_spec"].get("pipeline_spec", run["pipeline_spec"])
    assert spec["pipelineInfo"] == {"name": "digits"}


def test_a_schedule_runs_once_at_a_time_and_catches_nothing_up(api: Any, compiled: str) -> None:
    done = submitted(compiled, f"--host={api.url}", "--name=nightly", "--cron=0 0 3 * * *")
    assert done.output == "Scheduled nightly: schedule-1\n"
    (schedule,) = api.bodies("/recurringruns")
    assert schedule["trigger"] == {"cron_schedule": {"cron": "0 0 3 * * *"}}
    assert (int(schedule["max_concurrency"]), schedule["no_catchup"]) == (1, True)


@pytest.mark.parametrize(("state", "code"), [("SUCCEEDED", 0), ("FAILED", 1)])
def test_waiting_tells_each_change_once_and_ends_with_the_runs_state(
    api: Any, compiled: str, state: str, code: int
) -> None:
    api.progress = [
        ("RUNNING", {"ImageExampleGen": "RUNNING"}),
        ("RUNNING", {"ImageExampleGen": "SUCCEEDED", "StatisticsGen": "RUNNING"}),
        (state, {"ImageExampleGen": "SUCCEEDED", "StatisticsGen": state}),
    ]
    done = submitted(compiled, f"--host={api.url}", "--wait", "--poll-seconds=0.1")
    assert done.exit_code == code
    assert [line.split() for line in done.output.splitlines()[1:]] == [
        ["ImageExampleGen", "running"],
        ["ImageExampleGen", "succeeded"],
        ["StatisticsGen", "running"],
        ["StatisticsGen", state.lower()],
        ["Run", "run-1:", state.lower()],
    ]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--param=labels=5"], "data_path, labels_per_class"),
        (["--param=labels_per_class=many"], "NUMBER_INTEGER"),
        (["--cron=0 3 * * *"], "six fields"),
    ],
)
def test_a_mistake_is_told_before_anything_is_submitted(
    api: Any, compiled: str, arguments: list[str], text: str
) -> None:
    done = submitted(compiled, f"--host={api.url}", *arguments)
    assert done.exit_code == 1
    assert text in done.output
    assert not api.bodies("/runs") + api.bodies("/recurringruns")


def test_a_file_that_is_no_compiled_pipeline_is_refused(api: Any, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "other.yaml"
    path.write_text("a: 1\n")
    done = submitted(str(path), f"--host={api.url}")
    assert "tfx-contrastive compile" in done.output
    assert done.exit_code == 1


def test_the_token_lets_in_and_is_never_shown(
    api: Any, compiled: str, tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    api.token = "very-secret"
    token = tmp_path / "token"
    token.write_text("very-secret\n")
    done = submitted(compiled, f"--host={api.url}", f"--token-file={token}")
    assert done.exit_code == 0, done.output
    token.write_text("very-secret-but-old")
    refused = submitted(compiled, f"--host={api.url}", f"--token-file={token}")
    assert refused.exit_code == 1
    assert "answered 401" in refused.output
    assert "very-secret" not in done.output + refused.output + caplog.text


def test_a_server_that_is_not_there(
    compiled: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    done = submitted(compiled, "--host=http://127.0.0.1:9")
    assert done.exit_code == 1
    assert "can't be reached" in done.output


def test_tls_with_a_private_authority(
    compiled: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    certificate = _certificate(tmp_path)
    with api_server.serving(api_server.ApiServer(), certificate) as api:
        assert submitted(compiled, f"--host={api.url}", f"--ca-file={certificate}").exit_code == 0
        refused = submitted(compiled, f"--host={api.url}")
        assert refused.exit_code == 1
        assert "CERTIFICATE_VERIFY_FAILED" in refused.output
        assert submitted(compiled, f"--host={api.url}", "--insecure").exit_code == 0


def _certificate(folder: Any) -> str:
    """A PEM file with a self-signed certificate of localhost, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    pem = serialization.Encoding.PEM
    path.write_bytes(
        certificate.public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return str(path)
