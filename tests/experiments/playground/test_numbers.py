"""The playground's numbers are those of the package, at any setting of the sliders.

Tolerances, stated once: :data:`SAME_MV` for voltages and what follows from them (both integrate by
the same method with the same steps, and the page shows its numbers rounded), five standard errors
for counts of bitlines that the page draws by itself.
"""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest

from experiments.playground import bitline
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

from ...browser_fixtures import Visit
from .hands import move, said, settled

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


def _circuit(moved: dict[str, float]) -> Circuit:
    at = {**START, **moved}
    settings = {key: value for key, value in at.items() if "." in key}
    return retention.after(bitline.circuit().with_settings(settings), at["wait_ms"], at["celsius"])


def _leaning(offset_mv: float) -> Process:
    """A process in which the amplifier leans by so much, at most, and nothing else varies."""
    return Process("leaning", "", (Varied("latch.offset", "uniform", abs(offset_mv), fixed=True),))


@pytest.mark.parametrize("moved", SETTINGS, ids=lambda one: str(sorted(one.items())))
def test_sliders_move_the_numbers_of_the_package(opened: Visit, moved: dict[str, float]) -> None:
    window, circuit, offset_mv = opened.page, _circuit(moved), moved.get("offset_mv", 0)
    before = window.locator('path[data-node="bitline"]').get_attribute("d")
    move(window, moved)
    settled(window)
    if moved.keys() - {"variation_percent"}:
        assert window.locator('path[data-node="bitline"]').get_attribute("d") != before

    scenario = scenarios.tra("110")
    process = _leaning(offset_mv)
    layout = variation.UnitLayout(process, 3, decision_only=False)
    lean = np.full((layout.dims, 1), math.copysign(1.0, offset_mv))
    pairs = spread(circuit, scenario, layout, lean, 1.0)
    wanted = simulate(circuit, scenario, pairs, waveform_step_ps=bitline.STEP_PS)
    swing_mv = level_mv(circuit, [circuit.one_mv] * 2 + [circuit.zero_mv]) - circuit.precharge_mv
    assert said(window, "swing") == pytest.approx(swing_mv, abs=0.051)
    assert said(window, "margin") == pytest.approx(swing_mv + offset_mv, abs=0.051)
    assert said(window, "result") == wanted.value[0]
    assert said(window, "restored") == pytest.approx(wanted.cells_mv[0, 0], abs=0.51)
    assert said(window, "energy") == pytest.approx(wanted.energy_fj[0], abs=0.51)
    if np.isfinite(wanted.latch_ns[0]):
        assert said(window, "latch") == pytest.approx(wanted.latch_ns[0], abs=0.0051)
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
