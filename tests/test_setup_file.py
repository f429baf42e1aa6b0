"""`setup.py` as Beam's `--setup_file`: a worker gets every module and every file that comes with one."""

import os
import pathlib
import shutil
import subprocess
import sys
import tarfile

from apache_beam.options.pipeline_options import SetupOptions
from apache_beam.runners.portability.stager import Stager

CHECKOUT = pathlib.Path(__file__).parents[1]
PACKAGE = "tfx_contrastive"
# Links in the package lead to these folders.
ROOMS = (
    "components",
    "consumers",
    "contract",
    "pipeline",
    "trainer_module",
)


def files_of(folder):
    return {
        os.path.relpath(os.path.join(parent, name), folder)
        for parent, _, names in os.walk(os.path.join(folder, PACKAGE), followlinks=True)
        for name in names
        if "__pycache__" not in parent
    }


def test_what_beam_sends_to_workers_is_the_whole_package(tmp_path):
    source, staged, unpacked, installed = (
        tmp_path / name for name in ("source", "staged", "un", "installed")
    )
    staged.mkdir()
    for folder in (PACKAGE, *ROOMS):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(CHECKOUT / folder, source / folder, symlinks=True, ignore=ignored)
    for name in ("setup.py", "pyproject.toml", "README.md"):
        shutil.copy(CHECKOUT / name, source)
    options = SetupOptions([f"--setup_file={source}/setup.py"])
    Stager.create_job_resources(options, str(staged))
    (archive,) = staged.glob("tfx_contrastive-*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(unpacked, filter="data")
    (package,) = unpacked.iterdir()
    # What pip does on a worker, without its dependencies: those are in the worker's image.
    build = [sys.executable, "setup.py", "--quiet", "build", "--build-lib", str(installed)]
    subprocess.run(build, cwd=package, check=True, capture_output=True)
    assert os.listdir(installed) == [PACKAGE]
    assert files_of(installed) == files_of(CHECKOUT)

    importing = (
        "import tfx_contrastive.components.examples.records, tfx_contrastive.trainer_module.config;"
        "from tfx_contrastive.pipeline import config;"
        "config.load_config('digits'); print(config.__file__)"
    )
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, "-c", importing],
        cwd=tmp_path,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith(str(installed))
