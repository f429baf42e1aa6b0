"""What `setup.py` builds: a wheel for users, and the archive that Beam sends to its workers."""

import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest
from apache_beam.options.pipeline_options import SetupOptions
from apache_beam.runners.portability.stager import Stager

from tfx_contrastive import __version__

CHECKOUT = pathlib.Path(__file__).parents[1]
PACKAGE = "tfx_contrastive"
# Links in the package lead to these folders.
ROOMS = ("components", "consumers", "contract", "pipeline", "trainer_module")
PROGRAM = "from tfx_contrastive.pipeline.cli.main import main; main()"


def files_of(folder: pathlib.Path) -> set[str]:
    return {
        os.path.relpath(os.path.join(parent, name), folder)
        for parent, _, names in os.walk(os.path.join(folder, PACKAGE), followlinks=True)
        for name in names
        if "__pycache__" not in parent
    }


def build(source: pathlib.Path, *command: str) -> None:
    subprocess.run(
        [sys.executable, "setup.py", "--quiet", *command], cwd=source, check=True, capture_output=True
    )


def python(code: str, *arguments: str, cwd: pathlib.Path, path: pathlib.Path) -> str:
    """Run code in another process, with one folder in front of this environment's packages."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A copy of what a build needs: a build leaves files behind, and takes those of an earlier one."""
    source = tmp_path_factory.mktemp("source")
    for folder in (PACKAGE, *ROOMS):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(CHECKOUT / folder, source / folder, symlinks=True, ignore=ignored)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(CHECKOUT / name, source)
    return source


@pytest.fixture(scope="module")
def wheel(source: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("dist")
    build(source, "bdist_wheel", "--dist-dir", str(folder))
    (wheel,) = folder.iterdir()
    return wheel


@pytest.fixture(scope="module")
def site(wheel: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The wheel as pip unpacks it, beside packages such as django-pipeline's `pipeline`."""
    site = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    strangers_packages(site)
    return site


def strangers_packages(folder: pathlib.Path) -> None:
    """Packages of somebody else, named like our folders: who imports one of them fails."""
    for name in ROOMS:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(f"raise AssertionError('imported the stranger {name}')")


def test_a_wheel_installs_one_package(wheel: pathlib.Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    information = f"{PACKAGE}-{__version__}.dist-info"
    assert {name.split("/")[0] for name in names} == {PACKAGE, information}
    assert f"{information}/licenses/LICENSE" in names
    assert {name for name in names if name.startswith(PACKAGE + "/")} == files_of(CHECKOUT)


def test_importing_the_package_imports_nothing_else(site: pathlib.Path, tmp_path: pathlib.Path) -> None:
    code = "import sys; before = set(sys.modules); import tfx_contrastive; print(set(sys.modules) - before)"
    assert python(code, cwd=tmp_path, path=site).strip() == "{'tfx_contrastive'}"


def test_the_command_works_beside_packages_named_like_its_folders(
    site: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    strangers_packages(tmp_path)  # `python -c` searches this folder first, as a notebook does
    printed = python(PROGRAM, "validate", "--config", "digits", cwd=tmp_path, path=site)
    assert "1,797 images" in printed
    assert python(PROGRAM, "--version", cwd=tmp_path, path=site).split()[-1] == __version__


def test_what_beam_sends_to_workers_is_the_whole_package(
    source: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    staged, unpacked, installed = (tmp_path / name for name in ("staged", "un", "installed"))
    staged.mkdir()
    Stager.create_job_resources(SetupOptions([f"--setup_file={source}/setup.py"]), str(staged))
    (archive,) = staged.glob(f"{PACKAGE}-*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(unpacked, filter="data")
    (package,) = unpacked.iterdir()
    # What pip does on a worker, without its dependencies: those are in the worker's image.
    build(package, "build", "--build-lib", str(installed))
    assert os.listdir(installed) == [PACKAGE]
    assert files_of(installed) == files_of(CHECKOUT)
    code = (
        "import tfx_contrastive.components.image_example_gen.records, tfx_contrastive.trainer_module.config;"
        "from tfx_contrastive.pipeline import config;"
        "config.load_config('digits'); print(config.__file__)"
    )
    assert python(code, cwd=tmp_path, path=installed).startswith(str(installed))


@pytest.mark.parametrize(
    "name", ["Dockerfile", "deploy/kubeflow/tfjob.yaml", "docs/beam.md", "docs/kubeflow.md"]
)
def test_the_image_is_tagged_with_the_version(name: str) -> None:
    text = (CHECKOUT / name).read_text(encoding="utf-8")
    tags = [word.split(":")[1] for word in text.split() if "tfx-contrastive:" in word]
    assert set(tags) == {__version__}
