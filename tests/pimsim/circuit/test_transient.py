"""Transients: what the reference circuit must give, laws that hold for any, and bad input."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pimsim.circuit.model.parameters import Circuit, load
from pimsim.circuit.transient import scenarios, simulation
from pimsim.circuit.transient.instances import Instances, nominal
from pimsim.circuit.transient.scenarios import Contact, OpenedCell, Opening, Scenario
from pimsim.circuit.transient.simulation import Transient, simulate
from pimsim.errors import InputError

CIRCUIT = load("rambus55")
FEW = settings(max_examples=10)
PATTERNS = st.sampled_from([f"{i:03b}" for i in range(8)])


def _one(circuit: Circuit, scenario: Scenario) -> tuple[float, float, float, float, int]:
    done = simulate(circuit, scenario)
    return (
        float(done.dv_at_sense_mv[0]),
        float(done.latch_ns[0]),
        float(done.restored_mv[0]),
        float(done.energy_fj[0]),
        int(done.value[0]),
    )


# Measured with ngspice 39 on a deck of the reference circuit written independently of ours; its
# printed latch times are 0.02 ns coarse, its energies 1 fJ.
MEASURED = [
    (scenarios.read(1), 1.71, 68, 1200),
    (scenarios.read(0), 1.99, 68, 0),
    (scenarios.tra("110"), 2.11, 100, 1200),
    (scenarios.tra("100"), 2.24, 68, 0),
    (scenarios.tra("110", copy_out=True), 2.11, 131, 1194),
    (scenarios.dual_contact_not(1), 1.99, 137, 0),
    (scenarios.dual_contact_not(0), 1.71, 200, 1197),
    (scenarios.majority("11100"), 2.46, 132, 1199),
    (scenarios.majority("110", 32), 2.53, 321, 1094),
    (scenarios.many_input("or", "1" + "0" * 15), 13.4, 499, 1103),
]


@pytest.mark.parametrize(
    ("scenario", "latch_ns", "energy_fj", "restored_mv"),
    MEASURED,
    ids=lambda v: getattr(v, "name", ""),
)
def test_reference_circuit_gives_what_was_measured(
    scenario: Scenario, latch_ns: float, energy_fj: float, restored_mv: float
) -> None:
    _, latch, restored, energy, value = _one(CIRCUIT, scenario)
    assert latch == pytest.approx(latch_ns, abs=0.03)
    assert energy == pytest.approx(energy_fj, abs=1)
    assert restored == pytest.approx(restored_mv, abs=2)
    assert value == scenario.expected


def test_every_reference_scenario_is_right_and_conserves_charge(
    reference_scenario: Scenario,
) -> None:
    done = simulate(CIRCUIT, reference_scenario)
    assert done.value[0] == reference_scenario.expected
    assert abs(done.charge_imbalance[0]) < 1e-9


@pytest.mark.parametrize(
    ("scenario", "dv_mv"),
    [  # closed form, (sum Cs V + Cb Vpre) / (sum Cs + Cb) less Vpre
        (scenarios.read(1), 22 * 600 / 107),
        (scenarios.tra("110"), 22 * 600 / 151),
        (scenarios.tra("000"), -3 * 22 * 600 / 151),
        (scenarios.majority("110", 4), 22 * 600 / 173),
        (scenarios.majority("110", 32), 10 * 22 * 600 / 789),
        (scenarios.majority("11100", 32), 6 * 22 * 600 / 789),
        (scenarios.majority("111110000", 32), 3 * 22 * 600 / 789),
    ],
    ids=lambda v: getattr(v, "name", ""),
)
def test_charge_is_shared_as_the_closed_form_says(scenario: Scenario, dv_mv: float) -> None:
    assert _one(CIRCUIT, scenario)[0] == pytest.approx(dv_mv, rel=1e-4)


def test_sensing_too_early_sees_less() -> None:
    seen = [
        _one(CIRCUIT.with_set("timeline.sense_ns", 2.0 + after), scenarios.tra("110"))[0]
        for after in (1.0, 1.5, 4.0)
    ]
    assert seen == pytest.approx([21, 81, 87], abs=1)  # CIRCUIT facts: measured with ngspice


def test_offset_of_the_latch_decides_where_it_exceeds_the_swing() -> None:
    # The offset of a TRA of 110 is 0.99 times the difference of the nMOS thresholds.
    pairs = nominal(CIRCUIT, scenarios.tra("110"), 3)
    shift = np.array([0.0, 80.0, 95.0])[:, None] * [-0.5, 0.5]
    pairs = dataclasses.replace(pairs, latch_n_vt_mv=pairs.latch_n_vt_mv + shift)
    assert simulate(CIRCUIT, scenarios.tra("110"), pairs).value.tolist() == [1, 1, 0]


def test_energy_is_what_charges_the_capacitors() -> None:
    # From the level after charge sharing to vdd, and SAP from precharge, all at vdd.
    for scenario, cells in ((scenarios.read(1), 1), (scenarios.tra("110"), 3)):
        dv_mv, *_, energy_fj, _ = _one(CIRCUIT, scenario)
        bitline_fc = (85 + 22 * cells) * (0.6 - dv_mv * 1e-3)
        assert energy_fj == pytest.approx(1.2 * (bitline_fc + 10 * 0.6), rel=1e-3)


def test_charge_stays_on_bitline_and_cells_while_both_float() -> None:
    done = simulate(CIRCUIT, scenarios.tra("110"), waveform_step_ps=50.0)
    waves = done.waveforms
    assert waves is not None
    at = [int(np.argmin(abs(waves.time_ns - t))) for t in (1.5, 5.9)]
    charge = 85 * waves.nodes_mv["bl"][0, at] + 22 * sum(
        waves.nodes_mv[f"cell{i}"][0, at] for i in range(3)
    )
    assert charge[1] == pytest.approx(charge[0], rel=1e-6)


@FEW
@given(pattern=PATTERNS, copy_out=st.booleans())
def test_exchanging_the_bitlines_exchanges_the_answer(pattern: str, copy_out: bool) -> None:
    scenario = scenarios.tra(pattern, copy_out=copy_out)
    other = {"bl": "blb", "blb": "bl"}
    cells = tuple(
        dataclasses.replace(
            cell,
            contacts=tuple(dataclasses.replace(c, side=other[c.side]) for c in cell.contacts),
        )
        for cell in scenario.cells
    )
    plain = simulate(CIRCUIT, scenario)
    swapped = simulate(CIRCUIT, dataclasses.replace(scenario, cells=cells))
    assert swapped.value[0] == 1 - plain.value[0]
    assert swapped.dv_at_sense_mv[0] == pytest.approx(-plain.dv_at_sense_mv[0], abs=1e-3)
    assert swapped.latch_ns[0] == pytest.approx(plain.latch_ns[0], abs=1e-3)
    assert swapped.cells_mv[0] == pytest.approx(plain.cells_mv[0], abs=0.05)


@FEW
@given(pattern=PATTERNS)
def test_complementing_the_cells_mirrors_the_swing(pattern: str) -> None:
    opposite = pattern.translate(str.maketrans("01", "10"))
    dv_mv = [_one(CIRCUIT, scenarios.tra(p))[0] for p in (pattern, opposite)]
    assert dv_mv[0] == pytest.approx(-dv_mv[1], abs=0.02)


@FEW
@given(pattern=PATTERNS, factor=st.floats(0.25, 4.0))
def test_scaling_all_capacitances_and_conductances_changes_energy_alone(
    pattern: str, factor: float
) -> None:
    scenario = scenarios.tra(pattern)
    plain = nominal(CIRCUIT, scenario)
    scaled = {
        name: getattr(plain, name) * factor
        for name in plain.__dataclass_fields__
        if name.endswith(("_ff", "_ua_per_v2"))
    }
    scaled["bitline_ohm"] = plain.bitline_ohm / factor
    one, other = (
        simulate(CIRCUIT, scenario, pairs)
        for pairs in (plain, dataclasses.replace(plain, **scaled))
    )
    assert other.dv_at_sense_mv[0] == pytest.approx(one.dv_at_sense_mv[0], abs=1e-6)
    assert other.latch_ns[0] == pytest.approx(one.latch_ns[0], abs=1e-6)
    assert other.cells_mv[0] == pytest.approx(one.cells_mv[0], abs=1e-6)
    assert other.energy_fj[0] == pytest.approx(factor * one.energy_fj[0], rel=1e-9)


@FEW
@given(factor=st.floats(0.5, 3.0))
def test_scaling_capacitances_and_times_leaves_voltages(factor: float) -> None:
    times = {
        f"timeline.{f.name}": getattr(CIRCUIT.timeline, f.name) * factor
        for f in dataclasses.fields(CIRCUIT.timeline)
    }
    slower = CIRCUIT.with_settings(
        {
            **times,
            "cell.capacitance_ff": 22 * factor,
            "bitline.capacitance_ff": 85 * factor,
            "sense_amplifier.set_load_ff": 10 * factor,
        }
    )
    one, other = _one(CIRCUIT, scenarios.tra("110")), _one(slower, scenarios.tra("110"))
    assert other[0] == pytest.approx(one[0], abs=0.01)
    assert other[1] == pytest.approx(factor * one[1], rel=1e-3)
    assert other[2] == pytest.approx(one[2], abs=0.05)


def _varied(scenario: Scenario, samples: int) -> Instances:
    rng = np.random.default_rng(7)
    pairs = nominal(CIRCUIT, scenario, samples)
    return dataclasses.replace(
        pairs,
        **{
            name: getattr(pairs, name) * rng.uniform(0.85, 1.15, getattr(pairs, name).shape)
            for name in pairs.__dataclass_fields__
        },
    )


@pytest.mark.parametrize("scenario", [scenarios.tra("110"), scenarios.dual_contact_not(0)])
def test_samples_do_not_see_each_other(scenario: Scenario) -> None:
    many = _varied(scenario, 6)
    together = simulate(CIRCUIT, scenario, many)
    assert np.all(np.abs(together.charge_imbalance) < 1e-9)
    for s in range(many.samples):
        alone = dataclasses.replace(
            many, **{name: getattr(many, name)[s : s + 1] for name in many.__dataclass_fields__}
        )
        single = simulate(CIRCUIT, scenario, alone)
        for field in ("dv_at_sense_mv", "latch_ns", "value", "restored_mv", "energy_fj"):
            assert getattr(single, field)[0] == getattr(together, field)[s]
        assert single.cells_mv[0].tolist() == together.cells_mv[s].tolist()


def test_the_tolerance_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = _varied(scenarios.tra("110"), 8)
    done = []
    for tolerance_mv in (0.2, 1e-4):
        monkeypatch.setattr(simulation, "TOLERANCE_MV", tolerance_mv)
        done.append(simulate(CIRCUIT, scenarios.tra("110"), pairs))
    usual, strict = done
    assert usual.dv_at_sense_mv == pytest.approx(strict.dv_at_sense_mv, abs=0.01)
    assert usual.latch_ns == pytest.approx(strict.latch_ns, abs=2e-3)
    assert usual.restored_mv == pytest.approx(strict.restored_mv, abs=0.05)
    assert usual.energy_fj == pytest.approx(strict.energy_fj, rel=1e-4)


def test_waveforms_agree_with_what_is_measured() -> None:
    scenario = scenarios.tra("110", copy_out=True)
    done = simulate(CIRCUIT, scenario, nominal(CIRCUIT, scenario, 2), waveform_step_ps=20.0)
    waves = done.waveforms
    assert waves is not None
    at_sense = waves.time_ns.tolist().index(6.0)
    at_close = waves.time_ns.tolist().index(38.0)
    bl, blb = waves.nodes_mv["bl"], waves.nodes_mv["blb"]
    assert (bl - blb)[:, at_sense] == pytest.approx(done.dv_at_sense_mv, abs=1e-9)
    assert waves.nodes_mv["copy"][:, at_close].tolist() == done.cells_mv[:, 3].tolist()
    latched = waves.time_ns >= 6.0 + done.latch_ns[0]
    before = np.abs(bl - blb)[0, ~latched & (waves.time_ns <= 38)]
    assert before.max() <= 900 <= np.abs(bl - blb)[0, latched][0]
    assert waves.controls_mv["wl_copy"][0, at_close] == 2900
    assert np.all(np.diff(waves.time_ns) > 1e-6)
    assert np.diff(waves.time_ns).max() < 0.0201


def test_a_cell_further_away_is_slower_and_shares_the_same() -> None:
    early = CIRCUIT.with_set("timeline.sense_ns", 3.2)
    rows = (0, 100, 256, 511)
    near_to_far = [_one(early.with_set("cell.row", row), scenarios.read(1))[0] for row in rows]
    assert near_to_far == sorted(near_to_far, reverse=True)
    assert near_to_far[0] - near_to_far[-1] > 1
    settled = [_one(CIRCUIT.with_set("cell.row", row), scenarios.read(1))[0] for row in rows]
    assert settled == pytest.approx([123.364] * 4, abs=0.2)


def test_a_cell_open_to_both_bitlines_shorts_them() -> None:
    cell = OpenedCell("dcc", 1, (Contact("bl", "d"), Contact("blb", "n")))
    both = Scenario("both", "both", (cell,), (Opening("d"), Opening("n")), None)
    dv_mv, *_ = _one(CIRCUIT, both)
    assert dv_mv == pytest.approx(0, abs=1e-6)


def test_a_word_line_too_low_is_simulated() -> None:
    low = CIRCUIT.with_set("supply.vpp_mv", 1800)
    restored_mv = _one(low, scenarios.read(1))[2]
    assert 900 < restored_mv < 950.1  # vpp less the access transistor's threshold


def test_no_latch_before_rows_close_is_said() -> None:
    slow = CIRCUIT.with_settings({"set_n.w_um": 0.001, "set_p.w_um": 0.001})
    assert math.isnan(_one(slow, scenarios.read(1))[1])


def _with_columns(name: str, values: list[list[float]]) -> Instances:
    return dataclasses.replace(
        nominal(CIRCUIT, scenarios.read(1)), **{name: np.array(values, dtype=np.float64)}
    )


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (
            lambda: CIRCUIT.with_set("timeline.sense_ns", 1.5),
            "[timeline] `sense_ns` must be after `word_line_ns` (2), not 1.5",
        ),
        (
            lambda: simulate(CIRCUIT, scenarios.read(1), waveform_step_ps=500),
            "`waveform_step_ps` must be from 0.01 to 100 to resolve this circuit, "
            "not 500",
        ),
        (
            lambda: simulate(
                CIRCUIT.with_settings({"bitline.resistance_ohm": 4}),
                scenarios.read(1),
                waveform_step_ps=50,
            ),
            "`waveform_step_ps` must be from 0.01 to 35.28 to resolve this circuit, "
            "not 50",
        ),
        (
            lambda: simulate(CIRCUIT, scenarios.majority("110", 513)),
            "`rows` must be at most 512, the cells of a bitline, not 513",
        ),
        (
            lambda: simulate(CIRCUIT.with_set("gate_charge.enabled", "true"), scenarios.read(1)),
            "`gate_charge.enabled` must be false for a transient, not true",
        ),
        (
            lambda: simulate(
                CIRCUIT.with_set("timeline.word_line_ramp_ns", 20), scenarios.rowclone(1)
            ),
            "`word_line_ramp_ns` must be at most 15.5, not 20",
        ),
        (
            lambda: simulate(CIRCUIT.with_set("timeline.sense_ramp_ns", 20), scenarios.read(1)),
            "`sense_ramp_ns` must be at most 14, not 20",
        ),
        (
            lambda: simulate(CIRCUIT, scenarios.tra("110"), nominal(CIRCUIT, scenarios.read(1))),
            "`cell_ff` must be of shape (1, 3) for tra-110, not (1, 1)",
        ),
        (
            lambda: simulate(
                CIRCUIT, scenarios.read(1), _with_columns("bitline_ff", [[85.0]])
            ),
            "`bitline_ff` must be of shape (1, 2) for read-1, not (1, 1)",
        ),
        (lambda: scenarios.tra("1102"), "`pattern` must be 3 of the digits 0 and 1, not '1102'"),
        (
            lambda: scenarios.majority("1100"),
            "`pattern` must have an odd number of digits, not '1100'",
        ),
        (
            lambda: scenarios.majority(""),
            "`pattern` must be one or more of the digits 0 and 1, not ''",
        ),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_one_line(act: object, message: str) -> None:
    with pytest.raises(InputError) as refused:
        act()  # type: ignore[operator]
    assert str(refused.value) == message


def test_result_says_which_cells_should_hold_the_answer() -> None:
    names = [
        [scenario.cells[i].name for i in scenario.holders()]
        for scenario in (
            scenarios.tra("110", copy_out=True),
            scenarios.dual_contact_not(1),
            scenarios.many_input("or", "10"),
        )
    ]
    assert names == [["cell0", "cell1", "cell2", "copy"], ["dcc", "result"], ["cell0", "cell1"]]


def test_restored_level_is_the_worst_of_them() -> None:
    done: Transient = simulate(CIRCUIT, scenarios.tra("110", copy_out=True))
    assert done.restored_mv[0] == done.cells_mv[0].min()
    zero = simulate(CIRCUIT, scenarios.majority("100", 32))
    assert zero.restored_mv[0] == zero.cells_mv[0].max()
