"""The playground does what it says: operations, programs, keys, widths; nothing from outside."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from experiments import cli
from experiments.playground.page import SCRIPTS, page
from experiments.playground.programs import shown
from pimsim.dram.array.subarray import Subarray
from pimsim.executors.reference import execute

from ...browser_fixtures import Visit
from .hands import choose, move, settled

OPERATIONS = {
    "Read": (1, lambda a: a),
    "Majority": (3, lambda a, b, c: int(a + b + c > 1)),
    "AND": (2, lambda a, b: a & b),
    "OR": (2, lambda a, b: a | b),
    "NOT": (1, lambda a: 1 - a),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_gives_its_truth_table(opened: Visit, name: str) -> None:
    window, (inputs, meaning) = opened.page, OPERATIONS[name]
    choose(window, "operations", name)
    for bits in itertools.product((0, 1), repeat=inputs):
        for index, bit in enumerate(bits):
            button = window.locator("#bits button").nth(index)
            if (button.get_attribute("aria-pressed") == "true") != bool(bit):
                button.click()
        settled(window)
        wanted = meaning(*bits)
        said = window.locator('[data-number="result"] dd').inner_text()
        assert said == f"{wanted}, right"
        assert window.locator('[data-number="margin"].right').count() == 1
        # The picture shows the cell that holds the result, when rows close.
        assert window.locator("#picture text.digit").last.text_content() == str(wanted)
        if name == "NOT":
            assert window.locator("#picture text.digit").first.text_content() == str(bits[0])
        assert window.locator("#patterns tr.now").count() == 1


def test_what_is_wrong_is_said(opened: Visit) -> None:
    """A lean beyond the swing turns the answer over; without variation nothing else fails."""
    move(opened.page, {"offset_mv": -100, "variation_percent": 0})
    settled(opened.page)
    said = opened.page.locator('[data-number="result"] dd').inner_text()
    assert said == "0, wrong: should be 1"
    assert opened.page.locator("#failures").inner_text().startswith("100.0 % of bitlines are wrong")
    opened.page.locator("#reset").click()
    move(opened.page, {"variation_percent": 5})
    settled(opened.page)
    assert opened.page.locator("#failures").inner_text().startswith("Never for these bits.")


def test_time_passes(opened: Visit) -> None:
    window = opened.page
    window.emulate_media(reduced_motion="reduce")
    names = []
    for _ in range(5):  # from phase to phase
        window.locator("#play").click()
        names.append(window.locator("#phase b").inner_text().strip())
    assert names == ["float.", "share.", "sense and restore.", "close.", "float."]
    window.locator("#time").fill("3.9")
    assert window.locator("#phase b").inner_text().strip() == "share."
    assert {one.text_content() for one in window.locator("#picture text.digit").all()} == {"?"}


@pytest.mark.parametrize("index", range(len(shown())), ids=lambda i: shown()[i].program.name)
def test_every_command_leaves_what_it_leaves_in_the_package(opened: Visit, index: int) -> None:
    """Of the bits shown first, and of others, set by hand."""
    window, one = opened.page, shown()[index]
    program = one.program
    window.locator("#tab-steps").click()
    choose(window, "programs", one.title)
    assert window.locator(".banner").count() == 0, "the page carries out what the package does"
    texts = window.locator("#commands button").all_inner_texts()
    assert texts == [str(command) for command in program.commands]
    columns, held = len(next(iter(one.held.values()))), dict(one.held)
    for seed in range(2):
        random = np.random.default_rng(seed)
        for row in program.inputs if seed else ():
            column = int(random.integers(columns))
            window.locator(f"#bit-{row}-{column}").click()
            flipped = list(held[row])
            flipped[column] = "10"[int(flipped[column])]
            held[row] = "".join(flipped)
        if seed:
            window.locator("#first").click()
        for _ in program.commands:
            window.locator("#forward").click()
        subarray = Subarray(columns, rows=program.address_map.first_data + len(program.symbols))
        places = {symbol: place for place, symbol in enumerate(program.symbols)}
        for row, bits in held.items():
            subarray.write_bits(places[row], np.array([[int(bit) for bit in bits]]))
        execute(program, subarray, **places)
        for symbol, place in places.items():
            line = window.locator(f'#cells tr[data-row="{symbol}"]')
            bits = "".join(map(str, subarray.read_bits(place)[0]))
            assert line.get_attribute("data-bits") == bits, symbol


def test_keys_step_and_change_parts(opened: Visit) -> None:
    window = opened.page
    window.locator("#tab-lab").focus()
    window.keyboard.press("ArrowRight")
    assert window.locator("#steps").is_visible()
    assert not window.locator("#lab").is_visible()
    window.locator("#forward").focus()
    window.keyboard.press("ArrowRight")
    window.keyboard.press("ArrowRight")
    assert window.locator("#where").inner_text() == "2 of 7"
    window.keyboard.press("ArrowLeft")
    assert window.locator('#commands [aria-current="step"]').inner_text() == "(a,B8)"
    words = window.locator("#words").inner_text()
    assert words.startswith("AAP. The wordline of a opens: the bitlines take a.")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("part", ["lab", "steps"])
@pytest.mark.parametrize("width", [360, 820, 1280])
def test_nothing_is_wider_than_the_window(
    browser_page: Callable[..., Visit],
    file: Path, part: str, dark: bool, width: int,
) -> None:  # fmt: skip
    visit = browser_page(file, width=width, height=740, dark=dark)
    visit.page.locator(f"#tab-{part}").click()
    group = "operations" if part == "lab" else "programs"
    for button in visit.page.locator(f"#{group} button").all():
        button.click()
        assert visit.overflow() <= 0
    visit.require_quiet()


def test_controls_have_names(opened: Visit) -> None:
    """Everything that can be used is called something, and every drawing says what it shows."""
    nameless = opened.page.evaluate(
        """() => Array.from(document.querySelectorAll("button, input, svg")).filter((one) => {
          const label = one.labels && one.labels.length ? one.labels[0].textContent : "";
          const title = one.querySelector ? one.querySelector("title") : null;
          return !(one.getAttribute("aria-label") || label || one.textContent.trim()
            || (title && title.textContent));
        }).map((one) => one.outerHTML)"""
    )
    assert nameless == []


def test_the_page_lets_no_other_code_in(opened: Visit) -> None:
    opened.page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.broken=1\">')"
    )
    opened.page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "window.broken = 1";
          document.body.append(script);
        }"""
    )
    opened.page.wait_for_timeout(100)
    assert opened.page.evaluate("window.broken") is None
    assert opened.said, "the policy of the page refused them"
    opened.said.clear()
    opened.asked.clear()


def test_a_file_is_written_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.html"
    assert cli.main(["playground", "--out", str(path)]) == 0
    assert path.read_text("utf-8") == page()
    assert capsys.readouterr().out == f"{path}: open it in a browser\n"
    assert cli.main(["playground", "--out", str(tmp_path)]) == 2
    assert "must be a file that can be written" in capsys.readouterr().err
    for name in ("page", "page.txt"):
        assert cli.main(["playground", "--out", str(tmp_path / name)]) == 2
        assert f"must be a file that ends in .html, for a browser, not '{tmp_path / name}'" in (
            capsys.readouterr().err
        )
    assert page().count("<script") == 2
    assert len(SCRIPTS) == len(set(SCRIPTS))
