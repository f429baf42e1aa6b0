"""A model of Kubeflow's driver and launcher: runs a compiled pipeline's real container commands.

Reads the compiled file, and for each task does what KFP v2's backend does (sources at tags 2.0.5 to
2.17.0): resolves inputs, names outputs under the pipeline's root, fills `{{$}}` in the arguments,
starts the container's command in a process with empty local directories, copies artifacts from and
to the object store, keeps metadata as ML Metadata does, answers from the cache, retries, and runs the
exit handler whatever happened. Two tasks run at once, as on a small cluster. It is a test's stand-in
for a cluster, not a runner.
"""

import concurrent.futures
import dataclasses
import itertools
import json
import os
import pathlib
import shutil
import subprocess
import sys
import uuid
from typing import Any

import yaml

from tfx_contrastive.pipeline.runners.kubeflow.entrypoint import LOCAL_ROOT_VARIABLE

DAG, EXIT_HANDLER = "tfx-dag", "ReportOutcome"
TASKS_AT_ONCE = 2
_SCHEMES = {"minio://": "minio/", "s3://": "s3/", "gs://": "gcs/"}


@dataclasses.dataclass
class Run:
    """What a run came to.

    Attributes:
        id: KFP's run id.
        state: SUCCEEDED or FAILED.
        artifacts: Node id -> output key -> {uri, metadata}, as the metadata store keeps them.
        attempts: Node id -> how often its container was started; 0 if it was answered from the cache.
        logs: Node id -> what its last container printed.
        commands: Node id -> its last container's command line.
    """

    id: str
    state: str = "RUNNING"
    artifacts: dict[str, Any] = dataclasses.field(default_factory=dict)
    attempts: dict[str, Any] = dataclasses.field(default_factory=dict)
    logs: dict[str, Any] = dataclasses.field(default_factory=dict)
    commands: dict[str, Any] = dataclasses.field(default_factory=dict)


class Cluster:
    """One compiled pipeline, an object store, a directory for the containers' file systems."""

    def __init__(
        self, compiled_file: Any, store: Any, folder: Any, root: str = "minio://mlpipeline/v2/artifacts"
    ) -> None:
        documents = list(yaml.safe_load_all(pathlib.Path(compiled_file).read_text()))
        self.spec = documents[0]
        self.store = store
        self.folder = pathlib.Path(folder)
        self.root = self.spec.get("defaultPipelineRoot", root)
        self._ids = itertools.count(1)
        self._cache: dict[str, Any] = {}

    def run(
        self, parameters: Any = None, watch: Any = None, environment: Any = None, until: Any = None
    ) -> Run:
        """Runs the pipeline.

        Args:
            parameters: Values given at submission.
            watch: Called with (node id, attempt, process, run) when a container has started.
            environment: Variables of every container, as Secrets bring them.
            until: Node id; only this task and its ancestors run, without exit handler. None runs all.

        Returns:
            A `Run`.
        """
        declared = self.spec["root"]["inputDefinitions"]["parameters"]
        unknown = set(parameters or ()) - set(declared)
        assert not unknown, f"KFP refuses parameters that the pipeline does not declare: {unknown}"
        values = {name: definition["defaultValue"] for name, definition in declared.items()}
        values.update(parameters or {})
        run = Run(str(uuid.uuid4()))
        context = _Context(values, watch, environment or {})
        error = ""
        try:
            self._run_tasks(run, _wanted(self.spec["components"][DAG]["dag"]["tasks"], until), context)
            run.state = "SUCCEEDED"
        except TaskError as failure:
            run.state, error = "FAILED", str(failure)
        if until is None:
            context.status = {
                "state": run.state,
                "pipelineJobResourceName": run.id,
                "error": {"message": error},
            }
            handler = self.spec["root"]["dag"]["tasks"][EXIT_HANDLER]
            assert handler["triggerPolicy"]["strategy"] == "ALL_UPSTREAM_TASKS_COMPLETED"
            self._run_task(run, EXIT_HANDLER, handler, context)
        return run

    def _run_tasks(self, run: Any, tasks: Any, context: Any) -> None:
        """Each task once those before it are done; after a failure none is started."""
        waiting = dict(tasks)
        running: dict[Any, str] = {}
        with concurrent.futures.ThreadPoolExecutor(TASKS_AT_ONCE) as pool:
            while waiting or running:
                ready = [
                    node_id
                    for node_id, task in waiting.items()
                    if set(task.get("dependentTasks", ())) <= set(run.artifacts)
                ]
                assert ready or running, f"The graph has a cycle among {sorted(waiting)}"
                for node_id in ready[: TASKS_AT_ONCE - len(running)]:
                    future = pool.submit(self._run_task, run, node_id, waiting.pop(node_id), context)
                    running[future] = node_id
                done, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
                for future in done:
                    del running[future]
                    future.result()

    def _run_task(self, run: Any, node_id: Any, task: Any, context: Any) -> None:
        component = self.spec["components"][task["componentRef"]["name"]]
        container = self.spec["deploymentSpec"]["executors"][component["executorLabel"]]["container"]
        folder = self.folder / run.id / node_id
        executor_input = self._drive(run, node_id, task, component, context, folder)
        key = json.dumps([container, executor_input["inputs"]], sort_keys=True)
        caching = task.get("cachingOptions", {}).get("enableCache", False)
        if caching and key in self._cache:
            run.attempts[node_id], run.artifacts[node_id] = 0, self._cache[key]
            return
        attempts = task.get("retryPolicy", {}).get("maxRetryCount", 0) + 1
        for attempt in range(1, attempts + 1):
            run.attempts[node_id] = attempt
            exit_code = self._launch(run, node_id, container, executor_input, folder, context, attempt)
            if exit_code == 0:
                self._cache[key] = run.artifacts[node_id] = self._publish(executor_input, folder)
                return
        last_line = (run.logs[node_id].strip().splitlines() or ["it printed nothing"])[-1]
        raise TaskError(f"{node_id} failed (exit code {exit_code}): {last_line}")

    def _drive(
        self, run: Any, node_id: Any, task: Any, component: Any, context: Any, folder: Any
    ) -> dict[str, Any]:
        """The driver: what the container is told."""
        parameters = {}
        for name, value in task.get("inputs", {}).get("parameters", {}).items():
            if "componentInputParameter" in value:
                parameters[name] = context.parameters[value["componentInputParameter"]]
            elif "taskFinalStatus" in value:
                parameters[name] = json.dumps(context.status)
            else:
                parameters[name] = value["runtimeValue"]["constant"]
        # What goes through protobuf's Struct is a float.
        parameters = {
            name: float(value) if isinstance(value, int) else value for name, value in parameters.items()
        }
        inputs = {}
        for name, value in task.get("inputs", {}).get("artifacts", {}).items():
            source = value["taskOutputArtifact"]
            produced = run.artifacts[source["producerTask"]][source["outputArtifactKey"]]
            # The type is lost in the metadata store.
            inputs[name] = {"artifacts": [{**produced, "type": {"instanceSchema": ""}}]}
        outputs = {}
        prefix = f"{self.root}/{self.spec['pipelineInfo']['name']}/{run.id}/{node_id}/{uuid.uuid4()}"
        for name, definition in component.get("outputDefinitions", {}).get("artifacts", {}).items():
            kind = definition["artifactType"]
            outputs[name] = {"artifacts": [{"name": name, "type": kind, "uri": f"{prefix}/{name}"}]}
        logs = {"schemaTitle": "system.Artifact", "schemaVersion": "0.0.1"}
        outputs["executor-logs"] = {
            "artifacts": [{"name": "executor-logs", "type": logs, "uri": f"{prefix}/executor-logs"}]
        }
        return {
            "inputs": {"parameterValues": parameters, "artifacts": inputs},
            "outputs": {"artifacts": outputs, "outputFile": str(folder / "output_metadata.json")},
        }

    def _launch(
        self,
        run: Any,
        node_id: Any,
        container: Any,
        executor_input: Any,
        folder: Any,
        context: Any,
        attempt: Any,
    ) -> Any:
        """The launcher: a fresh file system, inputs copied down, the command, outputs copied up."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for artifact in _artifacts(executor_input["inputs"]):
            self.store.download(_key(artifact["uri"]), _local(folder, artifact["uri"]))
        command = [
            argument.replace("{{$}}", json.dumps(executor_input))
            for argument in [*container["command"], *container["args"]]
        ]
        run.commands[node_id] = command
        environment = {
            **os.environ,
            **context.environment,
            **{item["name"]: item["value"] for item in container.get("env", ())},
            "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}",
            LOCAL_ROOT_VARIABLE: str(folder),
        }
        log = folder / "container.log"
        with log.open("w") as output:
            process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
            if context.watch:
                context.watch(node_id, attempt, process, run)
            exit_code = process.wait(timeout=900)
        run.logs[node_id] = log.read_text()
        if exit_code == 0:
            for artifact in _artifacts(executor_input["outputs"]):
                local = _local(folder, artifact["uri"])
                if local.exists():
                    self.store.upload(local, _key(artifact["uri"]))
        return exit_code

    def _publish(self, executor_input: Any, folder: Any) -> dict[Any, Any]:
        """The metadata store: outputs, their properties as ML Metadata gives them back."""
        result = json.loads((folder / "output_metadata.json").read_text())
        published = {}
        for name, holder in executor_input["outputs"]["artifacts"].items():
            artifact = holder["artifacts"][0]
            told = result.get("artifacts", {}).get(name, {}).get("artifacts", [{}])[0]
            assert told.get("uri", artifact["uri"]) == artifact["uri"], "the launcher uploads to its own URI"
            metadata = {key: _stored(value) for key, value in told.get("metadata", {}).items()}
            published[name] = {"name": str(next(self._ids)), "uri": artifact["uri"], "metadata": metadata}
        shutil.rmtree(folder)
        return published


@dataclasses.dataclass
class _Context:
    parameters: dict[str, Any]
    watch: object
    environment: dict[str, Any]
    status: dict[str, Any] | None = None


class TaskError(RuntimeError):
    """A task failed as often as it may."""


def _wanted(tasks: Any, until: Any) -> Any:
    """The tasks to run: all, or one and its ancestors."""
    if until is None:
        return tasks
    wanted, waiting = set(), [until]
    while waiting:
        wanted.add(name := waiting.pop())
        waiting += tasks[name].get("dependentTasks", ())
    return {name: task for name, task in tasks.items() if name in wanted}


def _artifacts(side: Any) -> list[Any]:
    return [artifact for holder in side["artifacts"].values() for artifact in holder["artifacts"]]


def _key(uri: Any) -> Any:
    return uri.partition("://")[2]


def _local(folder: Any, uri: Any) -> Any:
    scheme = uri.partition("://")[0] + "://"
    return folder / _SCHEMES[scheme] / _key(uri)


def _stored(value: Any) -> Any:
    """StructValueToMLMDValue: no null, numbers are doubles, lists and structs come back wrapped."""
    if value is None:
        raise TaskError("KFP's metadata store takes no null")
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return float(value)
    if isinstance(value, list):
        return {"list": value}
    if isinstance(value, dict):
        return {"struct": value}
    return value
