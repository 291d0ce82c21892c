"""What fields mean for the circuit, and which of them charge sharing knows."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from experiments.sweep import points, spec
from experiments.sweep.measures import circuits, measure
from experiments.sweep.results import Value
from pimsim.circuit.model import retention, variation
from pimsim.circuit.model.parameters import KEYS, Circuit, load
from pimsim.circuit.statistics.monte_carlo import Sampling, count
from pimsim.circuit.statistics.sense_decision import DecisionPath, majority
from pimsim.errors import InputError

BASE: dict[str, Value] = {"preset": "rambus55", "process": "ambit-like"}


def _differences(circuit: Circuit) -> np.ndarray:
    """What the sense amplifiers of some bitlines see."""
    path = DecisionPath(circuit, variation.load("ambit-like"), majority(3))
    rng = np.random.default_rng(1)
    return path.difference_mv(path.layout.draw(rng, rng, 50), 0.2)


@pytest.mark.parametrize("key", KEYS)
def test_charge_sharing_depends_on_exactly_what_is_said(key: str) -> None:
    """Each parameter is moved as far as it goes, in a circuit in which none is at its limit."""
    base = load("rambus55").with_set("supply.vpp_mv", 2040)
    value = base.values()[key]
    for changed in (value * 0.9, value * 1.1, value + 1, value + 0.1, not value):
        try:
            moved = base.with_set(key, changed)
        except InputError:
            continue
        if not np.array_equal(_differences(base), _differences(moved)):
            assert key in circuits.DECISIVE
            return
    assert key not in circuits.DECISIVE


def test_convenient_fields_are_parameters_by_another_name() -> None:
    given = {**BASE, "circuit.cell.capacitance_ff": 20.0, "cb_cs_ratio": 4.0, "vdd_mv": 1100.0}
    expected = load("rambus55").with_settings(
        {"cell.capacitance_ff": 20, "bitline.capacitance_ff": 80, "supply.vdd_mv": 1100}
    )
    assert circuits.circuit_of(given) == expected


@pytest.mark.parametrize("kind", ["preset", "process"])
def test_a_file_that_changes_is_read_again(kind: str, tmp_path: Path) -> None:
    """Files are read once for all points, and once more when they hold something else."""
    path = tmp_path / "own.toml"
    texts = {
        "preset": 'base = "rambus55"\n[cell]\ncapacitance_ff = {}\n',
        "process": 'base = "ambit-like"\n[[vary]]\nquantity = "cell.capacitance"\n'
        'distribution = "gaussian"\namount = 0.{}\n',
    }
    given: dict[str, Value] = {**BASE, kind: str(path)}
    seen = []
    for number in (20, 25, 31):
        path.write_text(texts[kind].format(number), "utf-8")
        os.utime(path, (number, number))
        found = [circuits.circuit_of(given), circuits.process_of(given)]
        again = [circuits.circuit_of(given), circuits.process_of(given)]
        assert found == again == [load(given["preset"]), variation.load(given["process"])]
        assert found not in seen
        seen.append(found)


def test_cells_leak_at_the_temperature_and_85_degrees_otherwise() -> None:
    circuit = load("rambus55")
    for given, celsius in (({}, 85.0), ({"celsius": 45.0}, 45.0)):
        found = circuits.circuit_of({**BASE, "wait_ms": 64.0, **given})
        assert found == retention.after(circuit, 64.0, celsius)
    restored = circuits.circuit_of({**BASE, "restore_ns": 0.5, "wait_ms": 64.0})
    assert restored == retention.after(retention.restored(circuit, 0.5), 64.0, 85.0)


def test_retention_is_varied_where_cells_wait() -> None:
    waiting = {**BASE, "wait_ms": 64.0, "spread.cell.retention_share": 0.5}
    process = circuits.process_of(waiting)
    assert {one.quantity: one.amount for one in process.varied}["cell.retention"] == 0.5
    circuits.require_effect(waiting)
    del waiting["wait_ms"]
    with pytest.raises(InputError, match=r"`spread.cell.retention_share` must not be set here"):
        circuits.require_effect(waiting)


def test_spreads_change_the_process() -> None:
    process = circuits.process_of({**BASE, "spread.latch_n.vt_mv": 100.0})
    assert {one.quantity: one.amount for one in process.varied}["latch_n.vt"] == 100.0


def test_whole_cycles_know_all_parameters() -> None:
    text = (
        'name = "s"\nmeasure = "tra-failure"\n[fixed]\nvariation_percent = 10\n'
        'path = "transient"\ncircuit.latch_n.w_um = 2\nspread.access.w_share = 0.5\n'
    )
    assert len(points.points(spec.parse(text, "s.toml", Path.cwd()))) == 1


def test_trials_of_a_point_are_those_of_the_monte_carlo() -> None:
    """Pooled over trials, within four standard errors of one long count."""
    run = measure.load_measure("tra-failure").run
    values: dict[str, Value] = {
        **BASE, "variation_percent": 15.0, "inputs": 3, "criterion": "either",
        "path": "decision", "samples": 20_000,
    }  # fmt: skip
    trials = [run(values, trial, 1) for trial in range(5)]
    assert len({trial["failed"] for trial in trials}) > 1
    assert trials[2] == run(values, 2, 1)
    share = sum(trial["failed"] for trial in trials) / 100_000
    long = count(load("rambus55"), variation.load("ambit-like"), majority(3), 15.0,
                 Sampling(400_000, 9))  # fmt: skip
    expected = long.failed / long.samples
    assert abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) * (1e-5 + 2.5e-6))
