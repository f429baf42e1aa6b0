"""Run a compiled pipeline with KFP's own local orchestrator, `kfp.local`.

    kfp_local.py FILE FOLDER [--containers] [NAME=VALUE ...]

Called by ci/kfp_local.sh and ci/image.sh in an environment of its own: kfp.local needs a newer kfp than
TFX 1.16 allows. FOLDER gets the artifacts, and `state` for what outlives a run. Without `--containers` the
commands run as processes (`python` comes from PATH), with it as containers of a Docker API ($DOCKER_HOST).
"""

import argparse
import pathlib
import tempfile
from typing import Any

import yaml
from kfp import components, local
from kfp.local import status, subprocess_task_handler

TASKS_AFTER_ALL = ["ReportOutcome"]


class AnyCommand(subprocess_task_handler.SubprocessTaskHandler):
    """KFP's handler takes Python functions only; what is compiled here are commands."""

    def validate_not_container_component(self, full_command: Any) -> None:
        """Accept it."""

    def validate_image(self, image: Any) -> None:
        """The command runs in the environment at hand."""

    def run(self) -> Any:
        """Run the command as it is."""
        code = subprocess_task_handler.run_local_subprocess(self.full_command)
        return status.Status.SUCCESS if code == 0 else status.Status.FAILURE


def without_exit_handler(text: Any) -> Any:
    """Return the specification without what kfp.local refuses: an input with the outcome of the run."""
    spec = next(yaml.safe_load_all(text))
    for name in TASKS_AFTER_ALL:
        del spec["root"]["dag"]["tasks"][name]
    return spec


def typed(spec: Any, given: Any) -> dict[Any, Any]:
    """`name=value` texts as the specification declares them."""
    declared = spec["root"]["inputDefinitions"]["parameters"]
    pairs = (item.split("=", 1) for item in given)
    return {
        name: int(value) if declared[name]["parameterType"] == "NUMBER_INTEGER" else value
        for name, value in pairs
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--containers", action="store_true")
    parser.add_argument("parameters", nargs="*")
    own = parser.parse_args()
    folder = own.folder.resolve()
    for path in (folder, folder / "state"):
        path.mkdir(exist_ok=True)
        path.chmod(0o777)  # containers run as another user
    if own.containers:
        runner = local.DockerRunner(network_mode="none")
    else:
        subprocess_task_handler.SubprocessTaskHandler = AnyCommand
        runner = local.SubprocessRunner(use_venv=False)
    local.init(runner=runner, pipeline_root=str(folder))
    spec = without_exit_handler(own.file.read_text(encoding="utf-8"))
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as handle:
        yaml.safe_dump(spec, handle)
        handle.flush()
        pipeline = components.load_component_from_file(handle.name)
    pipeline(**{"state_root": str(folder / "state"), **typed(spec, own.parameters)})
    print("kfp.local ran every task:", ", ".join(spec["components"]["tfx-dag"]["dag"]["tasks"]))


if __name__ == "__main__":
    main()
