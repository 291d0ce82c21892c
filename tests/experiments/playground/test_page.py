"""The playground in a browser: its numbers are those of the package, at any setting of the sliders.

Tolerances, stated once: :data:`SAME_MV` for voltages and what follows from them (both integrate by
the same method with the same steps, and the page shows its numbers rounded), five standard errors
for counts of bitlines that the page draws by itself.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments import cli
from experiments.playground import bitline
from experiments.playground.page import SCRIPTS, page
from experiments.playground.programs import shown
from pimsim.circuit.model import retention, variation
from pimsim.circuit.model.parameters import Circuit
from pimsim.circuit.model.variation import Process, Varied
from pimsim.circuit.statistics.charge_sharing import level_mv
from pimsim.circuit.statistics.importance_sampling import worst_margin_mv
from pimsim.circuit.statistics.intervals import clopper_pearson
from pimsim.circuit.statistics.monte_carlo import spread
from pimsim.circuit.statistics.sense_decision import DecisionPath, by_ones
from pimsim.circuit.transient import scenarios
from pimsim.circuit.transient.simulation import simulate
from pimsim.dram.array.subarray import Subarray
from pimsim.executors.reference import execute

from ...browser_fixtures import Visit, _browser, browser_page  # noqa: F401

SAME_MV = 0.01
"""Agreement of voltages, mV, and, shares of a percent, of what is derived from them."""

START = {one["key"]: one["value"] for one in bitline.circuit_data()["sliders"]}

SETTINGS: tuple[dict[str, float], ...] = (
    {},
    {"cell.capacitance_ff": 5, "variation_percent": 0},
    {"cell.capacitance_ff": 50, "bitline.capacitance_ff": 30, "variation_percent": 30},
    {"bitline.capacitance_ff": 300, "variation_percent": 5},
    {"supply.vdd_mv": 800, "variation_percent": 2.5},
    {"supply.vdd_mv": 1600, "bitline.capacitance_ff": 150},
    {"offset_mv": 60}, {"offset_mv": -120, "variation_percent": 15},
    {"wait_ms": 64}, {"wait_ms": 64, "celsius": 45}, {"wait_ms": 128, "celsius": 95},
    {"cell.capacitance_ff": 17.5, "bitline.capacitance_ff": 83, "supply.vdd_mv": 1100,
     "offset_mv": 9, "wait_ms": 20, "celsius": 60, "variation_percent": 20},
)  # fmt: skip
"""What the sliders are moved to: their ends, and all of them at once."""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("playground") / "mine.html"
    assert cli.main(["playground", "--out", str(path)]) == 0
    return path


@pytest.fixture
def opened(browser_page: Callable[..., Visit], file: Path) -> Iterator[Visit]:  # noqa: F811
    visit = browser_page(file)
    yield visit
    visit.require_quiet()


def _circuit(moved: dict[str, float]) -> Circuit:
    at = {**START, **moved}
    settings = {key: value for key, value in at.items() if "." in key}
    return retention.after(bitline.circuit().with_settings(settings), at["wait_ms"], at["celsius"])


def _leaning(offset_mv: float) -> Process:
    """A process in which the amplifier leans by so much, at most, and nothing else varies."""
    return Process("leaning", "", (Varied("latch.offset", "uniform", abs(offset_mv), fixed=True),))


def _move(page: Any, moved: dict[str, float]) -> None:
    """Move sliders as a hand does."""
    for key, value in moved.items():
        page.locator(f'input[data-key="{key}"]').fill(str(value))


def _said(page: Any, name: str) -> float:
    text = page.locator(f'[data-number="{name}"] dd').inner_text()
    return float(re.sub(r"[^\d.-]", "", text.replace("\N{MINUS SIGN}", "-").split(",")[0]))


def _settled(page: Any) -> None:
    """Wait until what was moved is drawn, and failures are counted."""
    page.evaluate("() => new Promise((r) => requestAnimationFrame(() => setTimeout(r, 50)))")
    page.wait_for_function("document.querySelectorAll('#patterns tbody tr').length > 0")


@pytest.mark.parametrize("moved", SETTINGS, ids=lambda one: str(sorted(one.items())))
def test_sliders_move_the_numbers_of_the_package(opened: Visit, moved: dict[str, float]) -> None:
    window, circuit, offset_mv = opened.page, _circuit(moved), moved.get("offset_mv", 0)
    before = window.locator('path[data-node="bitline"]').get_attribute("d")
    _move(window, moved)
    _settled(window)
    if moved.keys() - {"variation_percent"}:
        assert window.locator('path[data-node="bitline"]').get_attribute("d") != before

    scenario = scenarios.tra("110")
    process = _leaning(offset_mv)
    layout = variation.UnitLayout(process, 3, decision_only=False)
    lean = np.full((layout.dims, 1), math.copysign(1.0, offset_mv))
    pairs = spread(circuit, scenario, layout, lean, 1.0)
    wanted = simulate(circuit, scenario, pairs, waveform_step_ps=bitline.STEP_PS)
    swing_mv = level_mv(circuit, [circuit.one_mv] * 2 + [circuit.zero_mv]) - circuit.precharge_mv
    assert _said(window, "swing") == pytest.approx(swing_mv, abs=0.051)
    assert _said(window, "margin") == pytest.approx(swing_mv + offset_mv, abs=0.051)
    assert _said(window, "result") == wanted.value[0]
    assert _said(window, "restored") == pytest.approx(wanted.cells_mv[0, 0], abs=0.51)
    assert _said(window, "energy") == pytest.approx(wanted.energy_fj[0], abs=0.51)
    if np.isfinite(wanted.latch_ns[0]):
        assert _said(window, "latch") == pytest.approx(wanted.latch_ns[0], abs=0.0051)
    else:
        text = window.locator('[data-number="latch"] dd').inner_text()
        assert text == "not before rows close"


TRANSIENTS = (
    *(("read", bit, scenarios.read(bit)) for bit in "01"),
    *(("majority", "".join(bits), scenarios.tra("".join(bits)))
      for bits in itertools.product("01", repeat=3)),
    *(("not", f"{bit}00", scenarios.dual_contact_not(bit)) for bit in "01"),
)  # fmt: skip


@pytest.mark.parametrize(("kind", "held", "scenario"), TRANSIENTS, ids=str)
def test_waveforms_are_those_of_the_package(
    opened: Visit, kind: str, held: str, scenario: scenarios.Scenario
) -> None:
    moved = SETTINGS[-1]
    found = opened.page.evaluate(
        """([kind, held, set]) => {
          const { circuit, bitline } = window.playground, values = { ...circuit.values };
          for (const key of Object.keys(set)) if (key in values) values[key] = set[key];
          const r = bitline.transient(circuit, kind, held, { ...set, values });
          return { time: r.time, waves: r.waves.map((row) => Array.from(row)), bl: r.bl };
        }""",
        [kind, [int(bit) for bit in held], {**START, **moved}],
    )
    circuit = _circuit(moved)
    layout = variation.UnitLayout(_leaning(9), len(scenario.cells), decision_only=False)
    pairs = spread(circuit, scenario, layout, np.ones((layout.dims, 1)), 1.0)
    wanted = simulate(circuit, scenario, pairs, waveform_step_ps=bitline.STEP_PS).waveforms
    assert wanted is not None
    np.testing.assert_allclose(found["time"], wanted.time_ns, atol=1e-9)
    waves = np.array(found["waves"])[:, found["bl"] :] * 1e3
    named = np.stack([wanted.nodes_mv[name][0] for name in scenario.nodes], axis=1)
    np.testing.assert_allclose(waves, named, atol=SAME_MV)


@pytest.mark.parametrize("moved", SETTINGS[1:], ids=lambda one: str(sorted(one.items())))
@pytest.mark.parametrize("cells", [1, 3])
def test_decisions_are_those_of_the_package(
    opened: Visit, cells: int, moved: dict[str, float]
) -> None:
    """The same units give the same margins, other ones as many failures, and one worst corner."""
    at, circuit = {**START, **moved}, _circuit(moved)
    percent = at["variation_percent"]
    process = retention.acting(circuit, variation.load(bitline.PROCESS))
    operation = by_ones(cells, cells)
    dims = DecisionPath(circuit, process, operation).layout.dims
    units = np.random.default_rng(5).uniform(-1.0, 1.0, (40, dims))
    found = opened.page.evaluate(
        """([cells, set, units, patterns]) => {
          const { circuit, variation } = window.playground, values = { ...circuit.values };
          for (const key of Object.keys(set)) if (key in values) values[key] = set[key];
          const state = { ...set, values }, place = variation.layout(circuit, cells);
          const decide = variation.decider(circuit, place, patterns, state);
          const margins = units.map((row) => {
            const out = new Float64Array(patterns.length);
            decide(Float64Array.from(row), 0, out);
            return Array.from(out);
          });
          const drawn = variation.draw(place.dims, circuit.samples, 1);
          return { dims: place.dims, margins,
            wrong: variation.count(circuit, place, drawn, patterns, state).wrong,
            worst: patterns.map((one) => variation.worst(circuit, place, one, state)) };
        }""",
        [cells, at, units.tolist(), [list(map(int, one)) for one in operation.patterns]],
    )
    assert found["dims"] == dims
    offset_mv = at["offset_mv"]
    path = DecisionPath(circuit, process, operation)
    wanted = path.difference_mv(units.T, percent / 100) + offset_mv
    np.testing.assert_allclose(np.array(found["margins"]).T, wanted, atol=SAME_MV)

    drawn = np.random.default_rng(3).uniform(-1.0, 1.0, (dims, bitline.SAMPLES))
    decided = path.difference_mv(drawn, percent / 100) + offset_mv > 0
    theirs = (decided != operation.answers[:, np.newaxis]).sum(axis=1)
    for ours, other in zip(found["wrong"], theirs, strict=True):
        error = math.sqrt(max(ours + other, 9))
        assert abs(ours - other) <= 5 * error
    for pattern, worst in zip(operation.patterns, found["worst"], strict=True):
        one = dataclasses.replace(operation, patterns=(pattern,))
        towards = offset_mv if one.answers[0] else -offset_mv
        least = worst_margin_mv(DecisionPath(circuit, process, one), percent / 100) + towards
        assert worst == pytest.approx(least, abs=SAME_MV)


@pytest.mark.parametrize(
    ("wrong", "trials"), [(0, 20_000), (1, 20_000), (77, 20_000), (9_000, 20_000), (50, 50)]
)
def test_intervals_are_those_of_the_package(opened: Visit, wrong: int, trials: int) -> None:
    found = opened.page.evaluate(
        "([k, n]) => playground.variation.interval(k, n, playground.circuit.level)", [wrong, trials]
    )
    assert found == pytest.approx(clopper_pearson(wrong, trials), rel=1e-6, abs=1e-12)


def _choose(page: Any, group: str, name: str) -> None:
    page.locator(f"#{group} button", has_text=re.compile(f"^{name}$")).click()


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
    _choose(window, "operations", name)
    for bits in itertools.product((0, 1), repeat=inputs):
        for index, bit in enumerate(bits):
            button = window.locator("#bits button").nth(index)
            if (button.get_attribute("aria-pressed") == "true") != bool(bit):
                button.click()
        _settled(window)
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
    _move(opened.page, {"offset_mv": -100, "variation_percent": 0})
    _settled(opened.page)
    said = opened.page.locator('[data-number="result"] dd').inner_text()
    assert said == "0, wrong: should be 1"
    assert opened.page.locator("#failures").inner_text().startswith("100.0 % of bitlines are wrong")
    opened.page.locator("#reset").click()
    _move(opened.page, {"variation_percent": 5})
    _settled(opened.page)
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
    _choose(window, "programs", one.title)
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
    browser_page: Callable[..., Visit],  # noqa: F811
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
    assert page().count("<script") == 2
    assert len(SCRIPTS) == len(set(SCRIPTS))
