"""One run has one number under one name: terminal, report, `metrics.json`, registry facts and `status`."""

import collections
import html
import json
import pathlib
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.pipeline.command import tfx_contrastive
from tfx_contrastive.contract.signatures import METRICS_PATH
from tfx_contrastive.pipeline.report.sections.representation import FIGURE_TITLES

# The place, the name that the numbers of all places share, and the number as it is written there.
Told = tuple[str, str, str]

_NUMBER = r"-?\d+(?:\.\d+)?(?:e-?\d+)?"
_CLASSIFIER = ("accuracy", "balanced accuracy", "macro F1")
_TITLES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "expected_calibration_error": "calibration error",
}


def decimals(number: str) -> int:
    return len(number.partition(".")[2]) if "e" not in number else 17


def disagreements(told: list[Told]) -> dict[str, list[tuple[str, str]]]:
    """Return the names under which places write numbers that differ by more than their rounding."""
    by_name: dict[str, list[tuple[str, str]]] = collections.defaultdict(list)
    for place, name, number in told:
        by_name[name].append((place, number))
    found = {}
    for name, numbers in by_name.items():
        coarsest = min(decimals(number) for _, number in numbers)
        values = [float(number) for _, number in numbers]
        if max(values) - min(values) > 10.0**-coarsest * 1.000001:
            found[name] = numbers
    return found


def of_terminal(printed: str) -> Iterator[Told]:
    for title, key in (("linear probe", "linear_probe_accuracy"), ("kNN probe", "knn_accuracy")):
        for split, number in re.findall(rf"(test|eval) ({_NUMBER})", line_of(printed, title)):
            yield "terminal", f"test_{key}" if split == "test" else key, number
    encoder = line_of(printed, "representation")
    for title, key in (
        ("effective rank", "effective_rank"),
        ("standard deviation", "embedding_std"),
        ("uniformity", "uniformity"),
    ):
        yield "terminal", key, re.findall(rf"{title} ({_NUMBER})", encoder)[0]
    for split, part in re.findall(r"(test|eval) (accuracy [^)]*\))", line_of(printed, "classifier")):
        for title in _CLASSIFIER:
            yield "terminal", f"{split} {title}", re.findall(rf"{title} ({_NUMBER})", part)[0]


def line_of(printed: str, title: str) -> str:
    (line,) = [line for line in printed.splitlines() if line.startswith(f"{title}  ")]
    return line


def of_report(page: str) -> Iterator[Told]:
    names = {title: key for key, (title, _) in FIGURE_TITLES.items()}
    for row in re.findall(r"<tr[^>]*>(.*?)</tr>", page, re.DOTALL):
        cells = [
            " ".join(html.unescape(re.sub(r"<[^>]+>", " ", cell)).split())
            for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
        ]
        if len(cells) == 3 and cells[0] in names and re.fullmatch(_NUMBER, cells[1]):
            yield "report, metrics of the encoder", names[cells[0]], cells[1]
        elif len(cells) == 6 and cells[0].startswith(("min_", "max_")) and re.fullmatch(_NUMBER, cells[2]):
            yield "report, thresholds", cells[1], cells[2]
        elif cells[:1] == ["all images"] and len(cells) == 15:
            for split, part in (("test", cells[1:8]), ("eval", cells[8:])):
                for title, number in zip(
                    (*_CLASSIFIER, "calibration error"), part[1:2] + part[3:6], strict=True
                ):
                    yield "report, slices", f"{split} {title}", number
    (number,) = re.findall(rf"calibration error of these [\d,]+ images: ({_NUMBER})", page)
    yield "report, reliability diagram", "eval calibration error", number


def of_trainer(metrics: dict[str, Any]) -> Iterator[Told]:
    yield "metrics.json", "eval accuracy", repr(metrics["eval_accuracy"])
    for stage, value in metrics["tried"].items():
        yield "metrics.json", f"{stage}_accuracy", repr(value)


def of_facts(facts: dict[str, Any]) -> Iterator[Told]:
    for split, slices in facts["metrics"].items():
        for name, title in _TITLES.items():
            yield "registry", f"{split} {title}", repr(slices["overall"][name])
    for name, value in facts["gates"]["representation"]["figures"].items():
        yield "registry", name, repr(value)


def of_run(place: str, run: dict[str, Any]) -> Iterator[Told]:
    for split in ("eval", "test"):
        for name, title in _TITLES.items():
            yield place, f"{split} {title}", repr(run["metrics"][split][name])
    for name, value in run["metrics"]["representation"].items():
        yield place, name, repr(value)


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.xdist_group("digits")
def test_every_place_tells_the_same_number(digits: tuple[str, str], tmp_path: pathlib.Path) -> None:
    root, printed = digits
    page = next(
        pathlib.Path(line.split(maxsplit=1)[1])
        for line in printed.splitlines()
        if line.startswith("report  ")
    )
    (version,) = pathlib.Path(root, "serving", "digits").iterdir()
    (record,) = pathlib.Path(root, "registry").rglob("version.json")
    options = ("--config", "digits", "--set", f"root={root}", "--json")
    status, shown = tfx_contrastive("status", *options), tfx_contrastive("show", "latest", *options)
    told = [
        *of_terminal(printed),
        *of_report(page.read_text()),
        *of_trainer(json.loads((version / METRICS_PATH).read_text())),
        *of_facts(json.loads(record.read_text())["facts"]),
        *of_run("status", json.loads(status.stdout)),
        *of_run("show", json.loads(shown.stdout)),
    ]
    places = {place for place, _, _ in told}
    assert {"terminal", "metrics.json", "registry", "report, slices", "report, thresholds"} <= places
    shared = [name for name in {name for _, name, _ in told} if sum(name == one for _, one, _ in told) > 1]
    assert {"linear_probe_accuracy", "effective_rank", "eval accuracy", "eval calibration error"} <= set(
        shared
    )
    assert disagreements(told) == {}


def test_numbers_that_differ_by_rounding_agree_and_others_do_not() -> None:
    assert disagreements([("a", "x", "0.8412"), ("b", "x", "0.84123456"), ("b", "y", "0.8386")]) == {}
    told = [("a", "x", "0.8412"), ("b", "x", "0.8386")]
    assert disagreements(told) == {"x": [("a", "0.8412"), ("b", "0.8386")]}
