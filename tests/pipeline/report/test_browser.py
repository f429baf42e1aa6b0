"""The report in a real Chromium, without a network: no error, hover, filters, keyboard, phone, axe-core."""

import os
import pathlib
from typing import Any

import pytest

from tests.pipeline.report import browser
from tests.pipeline.report.examples import CLASSES, HOSTILE, NUM_IMAGES, example_report
from tfx_contrastive.pipeline.report import writing

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("chromium"),
    pytest.mark.skipif(browser.MISSING, reason="chromium and chromedriver are not installed"),
]
AXE = os.environ.get("AXE_CORE", "")  # path of axe.min.js from the npm package axe-core
DRAWN = "document.documentElement.dataset.drawn === 'map'"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(writing.render(example_report()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def chromium() -> Any:
    with browser.opened() as opened:
        yield opened


@pytest.fixture
def window(chromium: Any, report: Any) -> Any:
    """The report, freshly opened on a desktop in light colors."""
    chromium.size(1280, 900)
    chromium.scheme("light")
    chromium.open(report)
    chromium.wait(DRAWN)
    chromium.log()
    return chromium


def place_of_point(window: Any, trace: Any = 0, point: Any = 0) -> Any:
    """Where a point of the map is in the window."""
    return window.run(
        """
        const chart = document.getElementById("map-chart");
        document.getElementById("map").scrollIntoView({ block: "center", behavior: "instant" });
        const { xaxis, yaxis } = chart._fullLayout;
        const { x, y } = chart.data[arguments[0]];
        const box = chart.getBoundingClientRect();
        const index = arguments[1];
        return [box.x + xaxis._offset + xaxis.l2p(x[index]), box.y + yaxis._offset + yaxis.l2p(y[index])];
        """,
        trace,
        point,
    )


@pytest.mark.parametrize(("width", "mobile"), [(1280, False), (390, True)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_without_a_console_message_and_fits(
    chromium: Any, report: Any, width: Any, mobile: Any, scheme: Any
) -> None:
    chromium.log()
    chromium.size(width, 844, mobile)
    chromium.scheme(scheme)
    chromium.open(report)
    chromium.wait(DRAWN)
    assert chromium.log() == []
    assert chromium.run("return window.hacked") is None
    assert chromium.run("return document.documentElement.scrollWidth <= innerWidth")
    assert chromium.run("return document.querySelectorAll('.chart .main-svg').length") > 0


def test_colors_follow_the_scheme_while_the_page_is_open(window: Any) -> None:
    text = "return getComputedStyle(document.querySelector('.chart .xtick text')).fill"
    light = window.run(text)
    window.scheme("dark")
    window.wait(f"(() => {{ {text} }})() !== '{light}'")


def test_the_image_under_the_pointer_is_shown(window: Any) -> None:
    window.hover(*place_of_point(window))
    window.wait("!document.getElementById('map-card').hidden")
    label = window.run("return document.querySelector('#map-card strong').textContent")
    assert label in CLASSES
    tile = window.run(
        "const t = getComputedStyle(document.querySelector('#map-card .tile'));"
        "return [t.backgroundImage.slice(0, 20), t.width]"
    )
    assert tile == ['url("data:image/webp', "84px"]
    window.hover(5, 5)
    window.wait("document.getElementById('map-card').hidden")


def test_filters_choose_what_the_map_shows(window: Any) -> None:
    def points() -> Any:
        return window.run(
            "return document.getElementById('map-chart').data"
            ".filter((t) => t.name).reduce((n, t) => n + t.x.length, 0)"
        )

    def choose(name: Any, value: Any) -> None:
        window.run(
            "const field = document.getElementById('map-controls').elements[arguments[0]];"
            "if (field.type === 'checkbox') field.checked = arguments[1]; else field.value = arguments[1];"
            "field.dispatchEvent(new Event('change', { bubbles: true }));",
            name,
            value,
        )

    assert points() == NUM_IMAGES
    choose("only", "1")
    assert points() == NUM_IMAGES // 3
    choose("only", "")
    choose("color", "mistake")
    names = window.run("return document.getElementById('map-chart').data.map((t) => t.name).filter(Boolean)")
    assert [name.split(" ")[0] for name in names] == ["correct", "wrong"]
    choose("mistakes", True)
    wrong = int(names[1].split("(")[1].rstrip(")"))
    assert points() == wrong
    assert window.run("return document.getElementById('map-count').value") == f"{wrong} images"
    x = window.run("return document.getElementById('map-chart').data[0].x")
    choose("layout", "PCA")
    assert window.run("return document.getElementById('map-chart').data[0].x") != x


def test_arrow_keys_go_from_image_to_image_and_say_it(window: Any) -> None:
    said = "return document.getElementById('map-current').textContent"
    first = window.run(said)
    window.press("#map", "ArrowRight")
    second = window.run(said)
    assert "% confidence" in second != first
    window.press("#map", "ArrowDown")
    assert window.run(said) != second
    assert not window.run("return document.getElementById('map-card').hidden")


def test_the_map_has_a_table(window: Any) -> None:
    window.click("#map-table summary")
    window.wait("document.querySelectorAll('#map-table tbody tr').length")
    assert window.run("return document.querySelectorAll('#map-table tbody tr').length") == NUM_IMAGES
    first = "return document.querySelector('#map-table tbody tr td:last-child').textContent"
    assert window.run(first) == f"{HOSTILE}/0.png"


def test_a_node_of_the_graph_shows_its_details_by_click_and_by_key(window: Any) -> None:
    shown = "return [...document.querySelectorAll('.detail')].filter((d) => !d.hidden).map((d) => d.id)"
    assert window.run(shown) == ["node-Pusher"]
    window.click(".node[data-node=ImageExampleGen]")
    assert window.run(shown) == ["node-ImageExampleGen"]
    window.press(".node[data-node=Pretrainer]", "Enter")
    assert window.run(shown) == ["node-Pretrainer"]
    window.click("#node-Pretrainer button.link[data-node=Transform]")
    assert window.run(shown) == ["node-Transform"]
    assert window.run("return document.activeElement.dataset.node") == "Transform"
    pressed = "return [...document.querySelectorAll('.node[aria-pressed=true]')].map((n) => n.dataset.node)"
    assert window.run(pressed) == ["Transform"]


def test_facets_is_loaded_only_when_asked_for_and_in_a_frame_of_its_own(window: Any) -> None:
    assert window.run("return document.querySelectorAll('iframe').length") == 0
    window.click("#facets summary")
    window.click("#facets-open")
    assert window.run("return document.querySelector('iframe').getAttribute('sandbox')") == "allow-scripts"
    assert window.run("return document.querySelector('iframe').srcdoc") == f"<p>{HOSTILE}</p>"
    assert window.run("return window.hacked") is None


@pytest.mark.skipif(not AXE, reason="AXE_CORE doesn't name an axe.min.js (npm pack axe-core)")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_violation(window: Any, scheme: Any) -> None:
    window.scheme(scheme)
    window.run("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    window.run(pathlib.Path(AXE).read_text(encoding="utf-8") + "; window.axe = axe;")
    found = window.run("return axe.run().then((result) => result.violations)")
    serious = [
        (each["id"], each["impact"], [node["html"][:120] for node in each["nodes"][:3]])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
    assert serious == []
