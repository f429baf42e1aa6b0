"""The document: complete, self-contained, and safe against what stands in the data."""

import dataclasses
import html.parser
import json
import re
from typing import Any

import pytest

from tests.pipeline.report.examples import HOSTILE, example_report, example_run
from tfx_contrastive.pipeline.report import writing
from tfx_contrastive.pipeline.report.sections.comparison import Delta


class Document(html.parser.HTMLParser):
    """What a browser would see: elements with attributes, ids, text of tables."""

    def __init__(self, text: Any) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._in_script = False
        self.feed(text)

    def handle_starttag(self, tag: Any, attrs: Any) -> None:
        self.elements.append((tag, dict(attrs)))
        self._in_script = tag == "script"

    def handle_endtag(self, _tag: Any) -> None:
        self._in_script = False

    def handle_data(self, data: Any) -> None:
        if self._in_script:
            self.scripts.append(data)


@pytest.fixture(scope="module")
def text() -> Any:
    return writing.render(example_report())


@pytest.fixture(scope="module")
def document(text: Any) -> Any:
    return Document(text)


def test_no_name_of_the_data_becomes_markup(text: Any, document: Any) -> None:
    assert HOSTILE not in text
    assert "onerror" not in {name for _, attributes in document.elements for name in attributes}
    assert "img" not in {tag for tag, _ in document.elements}
    assert len(document.scripts) == sum(tag == "script" for tag, _ in document.elements)


def test_warnings_and_what_was_passed_over_are_shown(text: Any) -> None:
    assert "and &#39;cat&#39; differ only in case</li>" in text
    assert "Files skipped because their names are not those of images: .txt files 3." in text
    assert "test accuracy 0.750; 0.350 on the 20 images without a near copy in train. Remove" in text


def test_a_figure_that_is_not_a_number_is_not_compared() -> None:
    report = example_report()
    assert report.comparison is not None
    deltas = (Delta("classifier, eval", "ROC AUC", 0.9, float("nan"), True),)
    page = writing.render(
        dataclasses.replace(report, comparison=dataclasses.replace(report.comparison, deltas=deltas))
    )
    (row,) = re.findall("<tr><th[^>]*>ROC AUC.*</tr>", page)
    assert re.findall(r"<td[^>]*>(?:<span[^>]*>)?([^<]*)<", row) == ["0.9", "not a number", "not comparable"]
    assert not re.search("better|worse", row)


def test_nothing_is_loaded_from_elsewhere(document: Any) -> None:
    for tag, attributes in document.elements:
        for name in ("src", "href", "xlink:href", "srcset", "data"):
            value = attributes.get(name) or ""
            assert value.startswith(("#", "data:")) or not value, (tag, name, value)


def test_every_section_is_there_and_linked(document: Any) -> None:
    links = [a["href"][1:] for tag, a in document.elements if tag == "a" and a["href"] != "#main"]
    sections = [a["id"] for tag, a in document.elements if tag == "section"]
    assert links == sections == [
        "verdict",
        "graph",
        "data",
        "views",
        "pretraining",
        "representation",
        "classifier",
        "labels",
        "comparison",
    ]  # fmt: skip


# Names of WAI-ARIA 1.2 that the report uses; browsers ignore any other one in silence.
ARIA = {
    *("aria-controls", "aria-current", "aria-describedby", "aria-hidden"),
    *("aria-label", "aria-labelledby", "aria-live", "aria-pressed"),
}


def test_ids_are_unique_and_references_resolve(document: Any) -> None:
    assert {name for _, found in document.elements for name in found if name.startswith("aria-")} <= ARIA
    ids = [attributes["id"] for _, attributes in document.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in document.elements:
        for name in ("aria-labelledby", "aria-controls", "aria-describedby", "for"):
            if name in attributes:
                assert attributes[name] in ids


def test_every_chart_has_its_figure_with_a_gap_for_a_missing_number(document: Any) -> None:
    charts = {a["id"] for tag, a in document.elements if tag == "div" and a.get("class") == "chart"}
    specs = [json.loads(script) for script in document.scripts if script.startswith('{"data"')]
    assert len(specs) == len(charts) == 7
    loss = next(spec for spec in specs if spec["data"][0]["x"] == [50, 100, 150])
    assert loss["data"][0]["y"] == [5.0, None, 3.5]


def test_the_map_has_a_column_for_each_question(document: Any) -> None:
    (columns,) = [json.loads(script) for script in document.scripts if '"layouts"' in script]
    assert set(columns["layouts"]) == {"PCA", "t-SNE"}
    count = len(columns["label"])
    assert all(len(axis) == count for axes in columns["layouts"].values() for axis in axes)
    assert len(columns["predicted"]) == len(columns["tile"]) == len(columns["source"]) == count
    assert columns["names"][columns["label"][2]] == HOSTILE


def test_a_node_that_refused_has_no_tick() -> None:
    assert "✓ ran · " in writing.render(example_report(example_run(blessed=1)))
    text = writing.render(example_report(example_run(blessed=0)))
    assert "– refused · " in text
    assert "</span>, refused in " in text


def test_a_run_that_came_to_nothing_has_a_report_too() -> None:
    full = example_report(example_run(state="failed"))
    empty = dataclasses.replace(
        full,
        data=None,
        views=None,
        pretraining=None,
        representation=None,
        classifier=None,
        budget_points=(),
        benchmark=None,
        comparison=None,
        verdict=dataclasses.replace(full.verdict, changes=None),
    )
    text = writing.render(empty)
    assert "No gate has reached a verdict; RepresentationGate failed. Pushed as version 1764000000." in text
    assert "There is no encoder in this run." in text
    assert 'id="map-data"' not in text
    assert 'href="#comparison"' not in text


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), (float("nan"), "–"), (0.123456, "0.1235"), (1234.0, "1,234"), (2.0, "2")],
)
def test_numbers_are_short(value: Any, shown: Any) -> None:
    assert writing._number(value) == shown


@pytest.mark.parametrize(("value", "shown"), [(0.04, "0.0 s"), (59.6, "1 min 00 s"), (175.1, "2 min 55 s")])
def test_times_are_short(value: Any, shown: Any) -> None:
    assert writing._seconds(value) == shown
