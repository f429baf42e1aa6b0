"""Every command of the documentation is run, or where that can't be, at least parsed."""

import pathlib
import re
from typing import Any

import click
import pytest
import yaml

from tests.pipeline.command import tfx_contrastive
from tests.pipeline.documented import PAGES, ROOT, blocks, documented_commands
from tfx_contrastive.pipeline.cli.main import COMMANDS, cli
from tfx_contrastive.pipeline.config import load_config
from tfx_contrastive.pipeline.config.model import PipelineConfig

ALL = documented_commands()
OURS = [each for each in ALL if each.program == "tfx-contrastive"]

# Run here, word for word, on the tests' own run of digits.
RUN = {"status", "runs", "show", "artifacts", "validate", "views", "models list", "models show"}
# Why the others are only parsed.
NOT_RUN = {
    "run": "trains for minutes; test_end_to_end.py runs it",
    "report": "test_real_run.py writes it, and looks at it",
    "search": "tests/pipeline/cli/test_search.py runs it on an index",
    "serve": "never ends; tests/consumers/http/test_app.py asks it",
    "drift": "tests/pipeline/cli/test_drift.py runs it",
    "suggest": "its own test runs it",
    "models promote": "changes the run that other tests look at; tests/components/registry does it",
    "models rollback": "the same",
    "models diff": "needs two versions; tests/components/registry has them",
    "compile": "needs the extra kubeflow; tests/kubeflow compiles",
    "submit": "needs a cluster; tests/kubeflow has a model of one",
}
# Other programs: why they are not run.
OTHERS = {
    "make": "runs, tests or measures everything; its target is looked up",
    "git": "gets this repository",
    "cd": "goes into it",
    "pip": "installs into somebody's environment",
    "open": "opens a browser",
    "tensorboard": "never ends; report/test_tensorboard.py asks it over HTTP",
    "curl": "asks the server of the line above",
    "docker": "needs a container engine",
    "kubectl": "needs a cluster",
    "case": "the shell's own",
    "ci/debian13.sh": "makes a whole root file system",
    "ci/lock.sh": "changes the lock files",
    "python": "a benchmark: minutes to hours",
    "saved_model_cli": "TensorFlow's; test_export.py asks the signatures",
    "ls": "lists",
    "mlflow": "never ends; tests/components/registry/test_mlflow_serving.py asks its server",
}
FILES = ("boot.png", "a.png", "b.png", "pipeline.yaml")
FOLDERS = ("incoming",)


def name_of(words: Any) -> Any:
    """The sub-command, of `models` with its own."""
    return " ".join(words[1:3]) if words[1] == "models" else words[1]


@pytest.fixture
def desk(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A folder with the files that the documentation speaks of."""
    for name in FILES:
        (tmp_path / name).touch()
    for name in FOLDERS:
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("each", [each for each in ALL if each not in OURS], ids=str)
def test_other_programs_are_known(each: Any) -> None:
    assert each.program in OTHERS
    if each.program == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert {word for word in each.words[1:] if "=" not in word} <= set(targets)


@pytest.mark.parametrize("each", OURS, ids=str)
def test_the_command_line_parses(each: Any, desk: pathlib.Path) -> None:
    if "--help" in each.words or len(each.words) == 1:
        return
    name = each.words[1]
    assert name in COMMANDS, f"there is no sub-command {name}"
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    arguments = list(each.words[2:])
    while isinstance(command, click.Group):
        command = command.commands[arguments.pop(0)]
    context = command.make_context(name, arguments)  # refuses unknown options and wrong values
    for override in context.params.get("overrides", ()):
        load_config("fashion_mnist", [override])
    assert name_of(each.words) in RUN | NOT_RUN.keys()
    if "config_name" in context.params and not context.params.get("index_uri"):
        assert context.params["config_name"], "it would take whatever the reader's folder holds"


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.xdist_group("digits")
@pytest.mark.parametrize("each", [each for each in OURS if name_of(each.words) in RUN], ids=str)
def test_the_command_runs(
    each: Any, desk: pathlib.Path, digits: tuple[str, str], request: pytest.FixtureRequest
) -> None:
    root = digits[0]
    values = yaml.safe_load((ROOT / "pipeline/configs/digits.yaml").read_text())
    config = yaml.safe_dump({**values, "root": root})
    for name in ("shoes.yaml", "digits.yaml"):
        (desk / name).write_text(config)
    run_id = sorted(path.name for path in pathlib.Path(root, "tensorboard").iterdir())[0]
    words = [run_id if word == "RUN" else word for word in each.words[1:]]
    words[words.index("--config") + 1] = "digits.yaml"
    done = tfx_contrastive(*words, cwd=desk)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert done.stderr == ""  # not a word of a library's
    if "--out" in words:
        assert pathlib.Path(words[words.index("--out") + 1]).stat().st_size > 0


@pytest.mark.parametrize(
    "text", [text for name in ("README.md", "docs/own_images.md") for text in blocks(ROOT / name, "yaml")]
)
def test_configurations_are_accepted(text: Any) -> None:
    values = yaml.safe_load(text)
    assert PipelineConfig.model_validate({"name": "shown", **values}).data.source


def test_links_within_the_documentation_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_sub_command_is_in_the_readme() -> None:
    readme = PAGES[0].read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"`{name}" not in readme] == []
