"""Machine code of the transient: eight pairs at a time, each as if it were alone."""

from __future__ import annotations

import dataclasses
import os

import numpy as np
import pytest
from numpy.typing import NDArray

from pimsim.circuit.model.parameters import load
from pimsim.circuit.transient import integrator, scenarios
from pimsim.circuit.transient.instances import Instances, nominal
from pimsim.circuit.transient.lanes import COUNT, Lanes
from pimsim.circuit.transient.pair_code import nmos, pmos
from pimsim.circuit.transient.simulation import Transient, simulate

CIRCUIT = load("rambus55")
Floats = NDArray[np.float64]


def _varied(count: int) -> Instances:
    """Pairs of a triple-row activation, of which some decide wrongly and some never latch."""
    pairs, rng = nominal(CIRCUIT, scenarios.tra("110"), count), np.random.default_rng(4)
    pairs.cell_ff[:] *= rng.uniform(0.3, 1.7, pairs.cell_ff.shape)
    pairs.latch_n_vt_mv[:] += rng.normal(0, 60, pairs.latch_n_vt_mv.shape)
    return pairs


def _one(pairs: Instances, sample: int) -> Instances:
    some = slice(sample, sample + 1)
    return dataclasses.replace(
        pairs, **{f.name: getattr(pairs, f.name)[some] for f in dataclasses.fields(pairs)}
    )


def _measured(found: Transient) -> list[Floats]:
    return [
        found.dv_at_sense_mv, found.latch_ns, found.cells_mv, found.energy_fj,
        found.charge_imbalance,
    ]  # fmt: skip


def test_a_pair_depends_on_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever its lane is, whatever is beside it, and however many threads there are."""
    count = 2 * COUNT + 3
    pairs = _varied(count)
    together = simulate(CIRCUIT, scenarios.tra("110"), pairs)
    assert len(set(together.value.tolist())) == 2
    for sample in range(count):
        alone = simulate(CIRCUIT, scenarios.tra("110"), _one(pairs, sample))
        for whole, own in zip(_measured(together), _measured(alone), strict=True):
            np.testing.assert_array_equal(whole[sample : sample + 1], own)
    monkeypatch.setattr(integrator, "_TOGETHER", COUNT + 1)  # groups that are not full
    monkeypatch.setitem(os.environ, "NUMBA_NUM_THREADS", "1")
    for whole, again in zip(
        _measured(together), _measured(simulate(CIRCUIT, scenarios.tra("110"), pairs)), strict=True
    ):
        np.testing.assert_array_equal(whole, again)


def _computed(device: object, inputs: Floats) -> Floats:
    """What machine code of a device gives for (6, 8) arguments: (3, 8)."""
    code = Lanes("pimsim_test_device", "*given *found")
    arguments = [code.load("%given", k) for k in range(6)]
    for place, value in enumerate(device(code, *arguments)):  # type: ignore[operator]
        code.keep(value, "%found", place)
    run = code.function()
    given, found = integrator._vectors(1, 6), integrator._vectors(1, 3)
    given[0] = inputs
    run(given.ctypes.data, found.ctypes.data)
    return found[0].copy()


@pytest.mark.parametrize(("device", "sign"), [(nmos, 1.0), (pmos, -1.0)])
def test_transistors_are_those_of_level_1(device: object, sign: float) -> None:
    """Off, saturated, linear; with drain and source either way round."""
    gate, drain, source = sign * np.array([
        [0.3, 1.2, 1.2, 1.2, 0.0, 1.2, 1.2, 0.6],
        [1.2, 1.2, 0.3, 0.0, 1.2, 0.1, 0.5, 0.0],
        [0.0, 0.0, 0.0, 0.3, 0.0, 1.2, 0.5, 1.1],
    ])  # fmt: skip
    beta, vt, modulation = np.full(8, 100.0), np.full(8, sign * 0.4), np.full(8, 0.05)
    found = _computed(device, np.stack([gate, drain, source, beta, vt, modulation]))
    low = np.minimum(sign * drain, sign * source)
    drive = np.maximum(sign * gate - low - 0.4, 0.0)
    span = np.abs(drain - source)
    linear = drive > span
    plain = 100.0 * np.where(linear, span * (drive - span / 2), drive**2 / 2)
    current = np.where(sign * drain >= sign * source, 1, -1) * plain * (1 + 0.05 * span)
    np.testing.assert_allclose(found[0], sign * current, rtol=1e-14)
    assert {bool(one) for one in drive > 0} == {bool(one) for one in linear} == {True, False}
    for place, argument in ((1, 0), (2, 1)):  # derivatives by gate and drain
        ends = []
        for moved in (-1e-6, 1e-6):
            changed = [gate, drain, source]
            changed[argument] = changed[argument] + moved
            ends.append(_computed(device, np.stack([*changed, beta, vt, modulation]))[0])
        np.testing.assert_allclose((ends[1] - ends[0]) / 2e-6, found[place], atol=1e-3)


def test_inverse_cube_roots() -> None:
    code = Lanes("pimsim_test_root", "*given *found")
    code.keep(code.inverse_cube_root(code.load("%given", 0)), "%found", 0)
    run = code.function()
    given, found = integrator._vectors(1, 1), integrator._vectors(1, 1)
    for values in (np.geomspace(1e-6, 1e60, COUNT), np.linspace(0.5, 2.0, COUNT)):
        given[0, 0] = values
        run(given.ctypes.data, found.ctypes.data)
        np.testing.assert_allclose(found[0, 0], values ** (-1 / 3), rtol=1e-13)
