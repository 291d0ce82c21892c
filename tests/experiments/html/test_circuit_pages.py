"""Every subcommand of ``pimsim circuit`` that fills a folder leaves a page there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from experiments import cli
from experiments.commands.circuit.command import CIRCUIT
from experiments.html.circuit import page as pages
from experiments.html.page import render

Open = Callable[..., Any]

FEW = ("--samples", "2000")
COMMANDS = {
    "read": ("--pattern", "0"),
    "tra": (),
    "not": (),
    "copy": (),
    "majority": ("--rows", "8"),
    "and": ("--pattern", "10"),
    "or": ("--pattern", "10"),
    "failures": FEW,
    "margin": (),
    "fit": ("retention", *FEW),
}
"""Options with which each is soon done."""


def _json(capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, Any]:
    assert cli.main(["circuit", *argv, "--json"]) == 0
    loaded: dict[str, Any] = json.loads(capsys.readouterr().out)
    return loaded


def _numbers(name: str, found: dict[str, Any]) -> list[str]:
    """What the page must say of it."""
    if name == "failures":
        return [f"{row['samples']:,}" for row in found["rows"]]
    if name == "margin":
        maps = found["maps"]
        return [f"{value:.1f}" for one in maps for line in one["margin_mv"] for value in line]
    if name == "fit":
        return [f"{point['model_percent']:.2f}" for point in found["points"]]
    levels = [f"{level:.1f}" for level in found["cells_mv"].values()]
    return [f"{abs(found['dv_at_sense_mv']):.2f} mV", f"{found['energy_fj']:.1f} fJ", *levels]


def test_all_are_tried() -> None:
    assert {one.NAME for one in CIRCUIT.commands if getattr(one, "WRITES", ())} == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_page_has_the_numbers_of_the_command(
    name: str, tmp_path: Path, browser_page: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "<script>"
    found = _json(capsys, name, *COMMANDS[name], "--out", str(out))
    assert found["html"] == str(out / "report.html")
    visit = browser_page(out / "report.html", width=390)
    text = visit.page.locator("body").inner_text()
    for number in _numbers(name, found):
        assert number in text
    assert f"pimsim circuit {name}" in text
    assert visit.page.locator("img").count() == 1
    assert visit.page.evaluate("[...document.images].every((one) => one.naturalWidth > 100)")
    assert visit.overflow() == 0
    visit.require_quiet()


def test_a_page_shows_drawings_and_says_where_others_lie(
    tmp_path: Path, browser_page: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    for form, shown in (("svg", 1), ("pdf", 0)):
        out = tmp_path / form
        _json(capsys, "read", "--format", form, "--out", str(out))
        visit = browser_page(out / "report.html")
        assert visit.page.locator("img").count() == shown
        assert visit.page.evaluate("[...document.images].every((one) => one.naturalWidth > 100)")
        text = visit.page.locator("body").inner_text()
        assert ("beside this page: read-1.pdf" in text) == (not shown)
        visit.require_quiet()


def test_without_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = _json(capsys, "read", "--no-html", "--out", str(tmp_path / "out"))
    assert "html" not in found
    assert {one.suffix for one in (tmp_path / "out").iterdir()} == {".png", ".csv", ".cir"}
    assert "html" not in _json(capsys, "margin")


def test_a_wrong_bit_and_a_referee_that_disagrees_are_said(tmp_path: Path) -> None:
    report = {
        "scenario": "read-1", "title": "read of 1", "dv_at_sense_mv": -3.0, "latch_ns": None,
        "restored_mv": 2.0, "energy_fj": 1.0, "value": 0, "expected": 1, "correct": False,
        "cells_mv": {"<i>": 2.0, "b": 2.0, "c": 3.0}, "charge_imbalance": 0.0,
        "assumptions": {"preset": "mine", "set": "nothing"},
        "ngspice": {
            "dv_mv": 9.0, "value_equal": False, "rms_mv": 1.0, "point_mv": 1.0, "latch_ns": None,
            "restored_mv": 1.0, "energy_share": 0.1, "failures": ["dv +9 mV", "latch +inf ns"],
        },
    }  # fmt: skip
    (tmp_path / "read-1.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>", "utf-8")
    text = render(pages.page("read", report, "", tmp_path))
    for said in (
        "ends at 0, which is WRONG: 1 is right",
        "3.00 mV below its complement; it does not tell them apart before the rows close",
        "ngspice says otherwise, beyond a limit: dv +9 mV, latch +inf ns",
        "only one latches",
        "&lt;i&gt; to b<",
    ):
        assert said in text


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of wide tables."""
    out = tmp_path_factory.mktemp("maps")
    assert cli.main(["circuit", "margin", "--out", str(out)]) == 0
    return out / "report.html"


@pytest.mark.parametrize("dark", [False, True])
def test_the_first_column_stays_while_the_rest_scrolls(
    maps: Path, dark: bool, browser_page: Open
) -> None:
    visit = browser_page(maps, width=390, dark=dark)
    frame = visit.page.locator(".frame").first
    scroll, first = frame.locator(".scroll"), frame.locator("tbody tr > :first-child").first
    second = frame.locator("tbody tr > :nth-child(2)").first
    hint = frame.locator(".hint")
    assert hint.inner_text().startswith("More to the right")
    at = first.bounding_box()["x"], second.bounding_box()["x"]
    scroll.evaluate("(one) => { one.scrollLeft = 80; }")
    visit.page.locator(".frame.less").first.wait_for()
    assert first.bounding_box()["x"] == at[0]
    assert second.bounding_box()["x"] == pytest.approx(at[1] - 80, abs=1)
    back = "(one) => getComputedStyle(one).backgroundColor"
    paper = visit.page.locator("body").evaluate(back)
    assert first.evaluate(back) == paper  # nothing shines through
    scroll.evaluate("(one) => { one.scrollLeft = 1e6; }")
    visit.page.locator(".frame.less:not(.more)").first.wait_for()
    assert "to the left" in hint.inner_text()
    assert visit.overflow() == 0
    visit.require_quiet()


def test_there_is_no_hint_where_all_is_seen(maps: Path, browser_page: Open) -> None:
    visit = browser_page(maps, width=1280)
    assert visit.page.locator(".hint").count() == visit.page.locator(".frame").count() == 3
    assert visit.page.locator(".hint:visible").count() == 0
    visit.page.set_viewport_size({"width": 390, "height": 800})
    visit.page.locator(".frame.more").nth(2).wait_for()
    assert visit.page.locator(".hint:visible").count() == 3
    visit.page.emulate_media(media="print")
    assert visit.page.locator(".hint:visible").count() == 0
