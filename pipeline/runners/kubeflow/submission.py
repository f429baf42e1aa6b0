"""Submit a compiled pipeline to a Kubeflow Pipelines API server, and follow the run."""

import contextlib
import dataclasses
import io
import logging
import pathlib
import shlex
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from tfx_contrastive.contract.errors import InputError
from tfx_contrastive.pipeline.config import written
from tfx_contrastive.pipeline.runners.kubeflow.parameters import HEAD_STEPS

FINAL_STATES = {"SUCCEEDED", "FAILED", "SKIPPED", "CANCELED", "ERROR"}

_PYTHON_TYPES = {"STRING": str, "NUMBER_INTEGER": int, "NUMBER_DOUBLE": float}


@dataclasses.dataclass(frozen=True)
class Server:
    """Address and credentials of an API server.

    Attributes:
        host: URL, such as https://kubeflow.example/pipeline.
        token: Bearer token; never shown, not even by `repr`.
        ca_file: File of certificate authorities to trust.
        verify: Whether the certificate of the server is verified.
        namespace: Namespace of the user, on a multi-user installation.
    """

    host: str
    token: str | None = dataclasses.field(default=None, repr=False)
    ca_file: str | None = None
    verify: bool = True
    namespace: str | None = None


@dataclasses.dataclass(frozen=True)
class Job:
    """A pipeline to submit, once or on a schedule.

    Attributes:
        compiled_file: Path of the compiled pipeline.
        experiment: Name of the experiment, which is created if it does not exist.
        parameters: Values of run-time parameters, by name.
        name: Name of the run or schedule.
        pipeline_root: URI of the artifacts; None keeps the compiled one.
        service_account: Kubernetes service account of the pods; None keeps the default.
    """

    compiled_file: str
    experiment: str
    parameters: Mapping[str, Any]
    name: str
    pipeline_root: str | None = None
    service_account: str | None = None


@dataclasses.dataclass(frozen=True)
class Task:
    """The state of one task of a run."""

    name: str
    state: str


def parameters_of(compiled_file: str, given: Sequence[str]) -> dict[str, Any]:
    """Convert `name=value` texts to the types that the compiled file declares.

    Args:
        compiled_file: A file that `tfx-contrastive compile` wrote.
        given: The texts.

    Returns:
        Values of the declared types, by name.

    Raises:
        InputError: If the file can't be read, a name is unknown or a value has another type.
    """
    try:
        text = pathlib.Path(compiled_file).read_text(encoding="utf-8")
        spec = next(yaml.load_all(text, Loader=written.Loader))
        declared: Mapping[str, Any] = spec["root"]["inputDefinitions"]["parameters"]
    except (OSError, yaml.YAMLError, RecursionError, KeyError, TypeError, StopIteration) as error:
        raise InputError(
            f"Received {compiled_file}, which can't be read as a compiled pipeline "
            f"({type(error).__name__}: {error}). Make one with: tfx-contrastive compile --config FILE --out "
            f"{shlex.quote(compiled_file)}"
        ) from error
    values = {}
    for item in given:
        name, separator, value = item.partition("=")
        if not separator or name not in declared:
            known = f"Expected NAME=VALUE with one of {', '.join(sorted(declared))}."
            if separator and name == HEAD_STEPS:  # compiled pipelines with any other head declare it
                known = f"The head of this pipeline is a linear probe, which has no steps. {known}"
            raise InputError(f"Received --param {item}. {known}")
        kind = declared[name]["parameterType"]
        try:
            values[name] = _PYTHON_TYPES[kind](value)
        except ValueError:
            raise InputError(f"Received --param {item}. Expected a value of type {kind}.") from None
    return values


class Submission:
    """A connection to one API server."""

    def __init__(self, server: Server):
        """Connect to a server.

        Args:
            server: Address and credentials.

        Raises:
            InputError: If the server can't be reached, or refuses.
        """
        import kfp

        self._host = server.host.rstrip("/")
        with self._quietly():
            _ask_for_health(server)
            self._client = kfp.Client(
                host=server.host,
                existing_token=server.token,
                ssl_ca_cert=server.ca_file,
                verify_ssl=server.verify,
                namespace=server.namespace or "kubeflow",
            )
        self._namespace = server.namespace

    def run(self, job: Job) -> str:
        """Start one run and return its id."""
        with self._quietly():
            run = self._client.run_pipeline(
                self._experiment_id(job.experiment),
                job.name,
                pipeline_package_path=job.compiled_file,
                params=dict(job.parameters),
                pipeline_root=job.pipeline_root,
                service_account=job.service_account,
            )
        return str(run.run_id)

    def recurring_run(self, job: Job, cron: str) -> str:
        """Schedule runs, one at a time and without catching up missed ones; return the id of the schedule.

        Args:
            job: The runs.
            cron: Cron expression of six fields, seconds first.

        Raises:
            InputError: If the cron expression has another number of fields.
        """
        if len(cron.split()) != 6:
            raise InputError(
                f"Received --cron {cron!r}. Expected six fields, seconds first, such as '0 0 3 * * *'."
            )
        with self._quietly():
            schedule = self._client.create_recurring_run(
                self._experiment_id(job.experiment),
                job.name,
                cron_expression=cron,
                max_concurrency=1,
                no_catchup=True,
                params=dict(job.parameters),
                pipeline_package_path=job.compiled_file,
                pipeline_root=job.pipeline_root,
                service_account=job.service_account,
            )
        return str(schedule.recurring_run_id)

    def link(self, run_id: str) -> str:
        """Return the address of a run in the user interface."""
        return f"{self._host}/#/runs/details/{run_id}"

    def follow(self, run_id: str, seconds_between: float = 10.0) -> Iterator[Task | str]:
        """Yield each change of the state of a task, then the final state of the run as text."""
        seen: dict[str, str] = {}
        while True:
            with self._quietly():
                run = self._client.get_run(run_id)
            for task in (run.run_details.task_details or ()) if run.run_details else ():
                if task.state and seen.get(task.display_name) != task.state:
                    seen[task.display_name] = task.state
                    yield Task(task.display_name, task.state)
            if run.state and run.state.upper() in FINAL_STATES:
                yield run.state.upper()
                return
            time.sleep(seconds_between)

    def _experiment_id(self, name: str) -> str:
        """Return the id of an experiment, which is created if it does not exist."""
        return str(self._client.create_experiment(name, namespace=self._namespace).experiment_id)

    @contextlib.contextmanager
    def _quietly(self) -> Iterator[None]:
        """Hide what the client prints, and turn its errors into `InputError`."""
        import kfp_server_api
        import urllib3

        logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
        try:
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")
                yield
        except kfp_server_api.ApiException as error:
            if not error.status:
                raise InputError(f"{self._host} can't be reached: {error.reason}") from error
            hint = {
                401: "The token is missing or invalid: give a valid one with --token-file.",
                403: "This token has no permission: check its namespace and role.",
                404: "There is no KFP v2 API: check --host, which often ends in /pipeline.",
            }.get(error.status, str(error.body or error.reason))
            raise InputError(f"{self._host} answered {error.status}. {hint}") from error
        except urllib3.exceptions.HTTPError as error:
            raise InputError(f"{self._host} can't be reached: {error}") from error


def _ask_for_health(server: Server) -> None:
    """Send one health request first: `kfp.Client` would send it five times, five seconds apart."""
    import kfp_server_api

    configuration = kfp_server_api.Configuration(host=server.host.rstrip("/"))
    configuration.verify_ssl = server.verify
    configuration.ssl_ca_cert = server.ca_file
    configuration.retries = False
    if server.token:
        configuration.api_key = {"authorization": server.token}
        configuration.api_key_prefix = {"authorization": "Bearer"}
    api = kfp_server_api.HealthzServiceApi(kfp_server_api.ApiClient(configuration))
    renamed = getattr(api, "healthz_service_get_healthz", None)  # KFP 2.16 and later
    try:
        (renamed or api.get_healthz)()
    except AttributeError as error:
        # The client of KFP 2.0 fails to decode the body of the error when TLS fails: there is none.
        reason = getattr(error.__context__, "reason", error)
        raise InputError(f"{server.host} can't be reached: {reason}") from error
