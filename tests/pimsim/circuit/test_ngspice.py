"""Every scenario of the reference circuit against ngspice, with no fitted constant."""

from __future__ import annotations

import dataclasses
import math
import stat
from pathlib import Path

import numpy as np
import pytest

from pimsim.circuit.model.parameters import Circuit, load, names
from pimsim.circuit.transient import ngspice_check, scenarios, spice
from pimsim.circuit.transient.instances import Instances, nominal
from pimsim.circuit.transient.ngspice_check import Comparison
from pimsim.circuit.transient.scenarios import Scenario
from pimsim.circuit.transient.simulation import simulate
from pimsim.errors import InputError

CIRCUIT = load("rambus55")


def _check(circuit: Circuit, scenario: Scenario, pairs: Instances | None = None) -> Comparison:
    ours = simulate(circuit, scenario, pairs, waveform_step_ps=20.0)
    return ngspice_check.compare(ours, spice.run(circuit, scenario, pairs))


@pytest.mark.ngspice
def test_reference_scenario_agrees_with_ngspice(reference_scenario: Scenario) -> None:
    found = _check(CIRCUIT, reference_scenario)
    assert found.failures() == ()
    assert abs(found.dv_mv) < 0.01  # the claim is 0.5 mV; this is what keeps it so
    assert found.rms_mv < 1


@pytest.mark.ngspice
@pytest.mark.parametrize("preset", names())
def test_every_preset_agrees_with_ngspice(preset: str) -> None:
    assert _check(load(preset), scenarios.tra("110", copy_out=True)).failures() == ()


@pytest.mark.ngspice
@pytest.mark.parametrize("row", [0, 100, 511])
def test_cells_between_ladder_nodes_agree_with_ngspice(row: int) -> None:
    circuit = CIRCUIT.with_settings({"cell.row": row, "timeline.sense_ns": 3.5})
    found = _check(circuit, scenarios.dual_contact_not(0))
    assert found.failures() == ()
    assert abs(found.dv_mv) < 0.05


@pytest.mark.ngspice
@pytest.mark.parametrize("seed", range(4))
def test_varied_samples_agree_with_ngspice(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scenario = scenarios.tra("110" if seed % 2 else "100")
    pairs = nominal(CIRCUIT, scenario)
    varied = {
        name: getattr(pairs, name) * rng.uniform(0.9, 1.1, getattr(pairs, name).shape)
        for name in pairs.__dataclass_fields__
    }
    assert _check(CIRCUIT, scenario, dataclasses.replace(pairs, **varied)).failures() == ()


@pytest.mark.ngspice
def test_another_circuit_does_not_agree() -> None:
    other = CIRCUIT.with_settings({"bitline.capacitance_ff": 95, "set_p.w_um": 0.3})
    ours = simulate(other, scenarios.tra("110"), waveform_step_ps=20.0)
    found = ngspice_check.compare(ours, spice.run(CIRCUIT, scenarios.tra("110")))
    assert [text.split()[0] for text in found.failures()] == [
        "dv", "waveform", "waveform", "latch", "energy"
    ]  # fmt: skip


def test_limits_are_those_stated() -> None:
    good = Comparison("s", 0.5, True, 10.0, 25.0, 0.05, 0.5, 10.0, -0.05)
    assert good.failures() == ()
    for change, said in (
        ({"dv_mv": -0.51}, "dv -0.51 mV"),
        ({"value_equal": False}, "value"),
        ({"rms_mv": 10.1}, "waveform 10.1 mV RMS"),
        ({"point_mv": 25.1}, "waveform 25.1 mV at one point"),
        ({"latch_ns": -0.051}, "latch -0.051 ns"),
        ({"latch_ns": math.inf}, "latch +inf ns"),
        ({"restored_mv": 10.1}, "restored +10.1 mV"),
        ({"energy_share": 0.051}, "energy +5.10%"),
    ):
        assert dataclasses.replace(good, **change).failures() == (said,)
    assert dataclasses.replace(good, latch_ns=0.6, spice_latch_ns=13.0).failures() == ()
    assert dataclasses.replace(good, latch_ns=math.nan).failures() == ()


def test_netlist_has_every_device() -> None:
    deck = spice.netlist(CIRCUIT, scenarios.dual_contact_not(1)).splitlines()
    transistors = [line for line in deck if line.startswith("M")]
    assert len(transistors) == 4 + 2 + 5 + 4  # latch, set devices, equaliser, access
    assert "Mdcc_blb blb_2 wl_n dcc 0 access w=0.055u l=0.085u" in transistors
    assert sum(line.startswith("R") for line in deck) == 8
    assert ".model access nmos(level=1 vto=850m kp=120u lambda=0.05 gamma=0)" in deck
    assert ".model set_p pmos(level=1 vto=-400m kp=100u lambda=0.1 gamma=0)" in deck


def test_netlist_of_a_sample_has_its_values() -> None:
    scenario = scenarios.read(1)
    pairs = nominal(CIRCUIT, scenario, 2)
    pairs.latch_n_vt_mv[0] = [410, 390]
    pairs.cell_ff[0] = 20
    deck = spice.netlist(CIRCUIT, scenario, pairs)
    assert "Ccell0 cell0 plate 20f" in deck
    assert ".model latch_n nmos(level=1 vto=410m" in deck
    assert ".model latch_n_1 nmos(level=1 vto=390m" in deck
    assert "Ccell0 cell0 plate 22f" in spice.netlist(CIRCUIT, scenario)


def test_missing_ngspice_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(spice.SpiceError) as refused:
        spice.run(CIRCUIT, scenarios.read(1))
    assert str(refused.value) == "ngspice is not installed (apt-get install ngspice)"


def test_failing_ngspice_is_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "ngspice"
    program.write_text("#!/bin/sh\necho 'Timestep too small' >&2\n", "utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(spice.SpiceError) as refused:
        spice.run(CIRCUIT, scenarios.read(1))
    assert str(refused.value) == "ngspice failed on read-1; it said: Timestep too small"


def test_gate_charge_has_no_netlist() -> None:
    with pytest.raises(InputError) as refused:
        spice.netlist(CIRCUIT.with_set("gate_charge.enabled", "true"), scenarios.read(1))
    assert str(refused.value) == "`gate_charge.enabled` must be false for a netlist, not true"
