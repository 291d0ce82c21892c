"""The decision path against whole cycles of the same bitline pairs."""

from __future__ import annotations

import re

import numpy as np
import pytest

from pimsim.circuit.failure_tables.from_circuit import tabulate
from pimsim.circuit.model import parameters, retention, variation
from pimsim.circuit.model.variation import Process, UnitLayout, Varied
from pimsim.circuit.statistics import sense_decision
from pimsim.circuit.statistics.monte_carlo import Sampling, count, count_cycles, spread
from pimsim.circuit.statistics.sense_decision import DecisionPath, majority
from pimsim.circuit.transient import scenarios
from pimsim.circuit.transient.simulation import simulate
from pimsim.errors import InputError

CIRCUIT = parameters.load("rambus55")
WAITED = retention.after(CIRCUIT, 64_000.0, 90.0)
AMBIT = variation.load("ambit-like")
NO_OFFSET = dict.fromkeys(sense_decision.OFFSET, (0.0, 0.0, 0.0, 0.0))


def _decided(
    scenario: scenarios.Scenario, layout: UnitLayout, units: np.ndarray, variation: float
) -> np.ndarray:
    pairs = spread(CIRCUIT, scenario, layout, units, variation)
    return np.asarray(simulate(CIRCUIT, scenario, pairs).value == 1)


def test_decisions_agree_with_whole_cycles(monkeypatch: pytest.MonkeyPatch) -> None:
    """On 400 samples ngspice disagreed with 4, within 9 mV of the threshold; 30 without offset."""
    operation = majority(3)
    layout = UnitLayout(AMBIT, 3, decision_only=False)
    rng = np.random.default_rng(3)
    units = layout.draw(rng, rng, 600)
    path = DecisionPath(CIRCUIT, AMBIT, operation)
    path.layout = layout
    margin = path.margin_mv(units, 0.15)
    monkeypatch.setattr(sense_decision, "OFFSET", NO_OFFSET)
    bare = path.margin_mv(units, 0.15)
    wrong = np.array(
        [
            _decided(scenarios.tra(name), layout, units, 0.15) != answer
            for name, answer in zip(operation.names, operation.answers, strict=True)
        ]
    )
    differ = wrong != (margin < 0)
    assert differ.mean() <= 0.01
    assert np.abs(margin[differ]).max(initial=0.0) < 15.0
    assert (wrong != (bare < 0)).sum() >= 5 * max(1, differ.sum())


def test_an_offset_shifts_the_latch_by_its_size() -> None:
    """A read of 0 swings -123.4 mV: an input-referred offset turns it just beyond that."""
    process = Process("offset", "x", (Varied("latch.offset", "gaussian", 1000.0),))
    layout = UnitLayout(process, 1, decision_only=False)
    units = np.array([[0.113, 0.133]])
    ones = _decided(scenarios.read(0), layout, units, 1.0)
    assert ones.tolist() == [False, True]


def test_every_quantity_moves_what_it_names() -> None:
    scenario = scenarios.tra("110")
    for name, quantity in variation.QUANTITIES.items():
        amount = 0.1 if quantity.unit == "share" else 10.0
        shared = name == "bitline.precharge"
        process = Process("one", "x", (Varied(name, "uniform", amount, shared=shared),))
        layout = UnitLayout(process, 3, decision_only=False)
        units = np.vstack([np.linspace(-1, 1, 4) + 0.1 * i for i in range(layout.dims)])
        pairs = spread(WAITED, scenario, layout, units, 0.5)
        plain = spread(WAITED, scenario, layout, 0 * units, 0.5)
        changed = {
            field
            for field in pairs.__dataclass_fields__
            if not np.array_equal(getattr(pairs, field), getattr(plain, field))
        }
        assert changed == EXPECTED[name]


EXPECTED = {
    "cell.capacitance": {"cell_ff"}, "cell.retention": {"cell_mv"},
    "cell.one": {"cell_mv"}, "cell.zero": {"cell_mv"},
    "bitline.capacitance": {"bitline_ff"}, "bitline.precharge": {"precharge_mv"},
    "bitline.resistance": {"bitline_ohm"},
    "latch_n.vt": {"latch_n_vt_mv"}, "latch_p.vt": {"latch_p_vt_mv"},
    "latch_n.w": {"latch_n_ua_per_v2"}, "latch_n.l": {"latch_n_ua_per_v2"},
    "latch_p.w": {"latch_p_ua_per_v2"}, "latch_p.l": {"latch_p_ua_per_v2"},
    "latch.offset": {"latch_n_vt_mv", "latch_p_vt_mv"},
    "sense.noise": {"latch_n_vt_mv", "latch_p_vt_mv"},
    "access.w": {"access_ua_per_v2"}, "access.l": {"access_ua_per_v2"},
    "set_n.w": {"set_ua_per_v2"}, "set_n.l": {"set_ua_per_v2"},
    "set_p.w": {"set_ua_per_v2"}, "set_p.l": {"set_ua_per_v2"},
    "supply.vpp": {"vpp_mv"},
}  # fmt: skip


def test_no_variation_is_the_nominal_circuit() -> None:
    layout = UnitLayout(AMBIT, 3, decision_only=False)
    pairs = spread(CIRCUIT, scenarios.tra("110"), layout, np.zeros((layout.dims, 1)), 0.2)
    nominal = simulate(CIRCUIT, scenarios.tra("110"))
    drawn = simulate(CIRCUIT, scenarios.tra("110"), pairs)
    assert drawn.dv_at_sense_mv == pytest.approx(nominal.dv_at_sense_mv, abs=1e-9)


def test_both_paths_count_alike() -> None:
    cycles = count_cycles(CIRCUIT, AMBIT, majority(3), 25.0, Sampling(600, 1))
    again = count_cycles(CIRCUIT, AMBIT, majority(3), 25.0, Sampling(600, 1))
    assert cycles == again
    share = count(CIRCUIT, AMBIT, majority(3), 25.0, Sampling(50_000, 1)).failed / 50_000
    low, high = cycles.interval(0.999)
    assert low < share < high


def test_a_table_says_which_path_made_it() -> None:
    table = tabulate(CIRCUIT, AMBIT, [(1, 1)], 25.0, Sampling(64, 1), "transient")
    assert [(entry.rows, entry.ones) for entry in table.entries] == [(1, 0), (1, 1)]
    assert table.provenance["model"].startswith("transient path")


def test_bitlines_of_a_pair_share_their_precharge() -> None:
    process = Process("own", "x", (Varied("bitline.precharge", "uniform", 1.0),))
    message = (
        "`bitline.precharge` must be shared by both bitlines in the transient path, not varied for "
        "each"
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        count_cycles(CIRCUIT, process, majority(3), 5.0, Sampling(1, 1))
