"""Run tasks of a compiled pipeline in this container, with inputs that are constants only.

Called by ci/image.sh inside of the image: one check that the compiled command, the package and the
directories of KFP's launcher fit together as a user without rights.
"""

import json
import pathlib
import subprocess
import sys
from typing import Any

import yaml


def run(spec: Any, node_id: Any) -> None:
    """Run one task as KFP's launcher would; raises if it fails or writes nothing."""
    component = spec["components"][node_id]
    container = spec["deploymentSpec"]["executors"][component["executorLabel"]]["container"]
    task = spec["components"]["tfx-dag"]["dag"]["tasks"][node_id]
    defaults = {
        name: definition["defaultValue"]
        for name, definition in spec["root"]["inputDefinitions"]["parameters"].items()
    }
    parameters = {
        name: value["runtimeValue"]["constant"]
        if "runtimeValue" in value
        else defaults[value["componentInputParameter"]]
        for name, value in task["inputs"]["parameters"].items()
    }
    outputs = {
        name: {
            "artifacts": [
                {"name": name, "uri": f"minio://bucket/{node_id}/{name}", "type": output["artifactType"]}
            ]
        }
        for name, output in component["outputDefinitions"]["artifacts"].items()
    }
    output_file = pathlib.Path("/tmp", node_id, "output_metadata.json")
    output_file.parent.mkdir()
    executor_input = {
        "inputs": {"parameterValues": parameters},
        "outputs": {"artifacts": outputs, "outputFile": str(output_file)},
    }
    command = [
        argument.replace("{{$}}", json.dumps(executor_input))
        for argument in [*container["command"], *container["args"]]
    ]
    subprocess.run(command, check=True)
    json.loads(output_file.read_text())
    written = [path for path in pathlib.Path("/minio/bucket", node_id).rglob("*") if path.is_file()]
    assert written, f"{node_id} wrote nothing"
    print(f"{node_id}: {len(written)} files in {', '.join(outputs)}")


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as handle:
        compiled = next(yaml.safe_load_all(handle))
    for name in sys.argv[2:]:
        run(compiled, name)
