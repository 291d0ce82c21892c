"""The failure table of a circuit: its entries, rare ones, certain ones, and what is to blame."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from pimsim.circuit.failure_tables import kept
from pimsim.circuit.failure_tables.from_circuit import of_circuit
from pimsim.circuit.failure_tables.kept import kept_of_circuit
from pimsim.circuit.failure_tables.table import Entry, Estimate, FailureTable, Rate
from pimsim.circuit.model import parameters, variation
from pimsim.circuit.model.variation import Process, Varied
from pimsim.circuit.statistics import importance_sampling, monte_carlo
from pimsim.circuit.statistics.importance_sampling import worst_margin_mv
from pimsim.circuit.statistics.intervals import clopper_pearson
from pimsim.circuit.statistics.monte_carlo import Sampling
from pimsim.circuit.statistics.sense_decision import DecisionPath, majority
from pimsim.errors import InputError
from pimsim.kept import VARIABLE, Shelf

CIRCUIT = parameters.load("rambus55")
AMBIT = variation.load("ambit-like")
DDR4 = variation.load("ddr4-like")
SWING_MV = 87.417


def _offset(amount: float, **how: Any) -> Process:
    return Process("offset", "", (Varied("latch.offset", "gaussian", amount, **how),))


def test_every_number_of_rows_has_its_majorities() -> None:
    table = of_circuit(CIRCUIT, AMBIT, 25.0, rows=(3, 4, 8, 16, 32, 4), samples=5000)
    assert [(one.rows, one.ones, one.halves) for one in table.entries] == [
        (1, 0, 0), (1, 1, 0),
        *((n, k * (n // 3), n % 3) for n in (3, 4, 8, 16, 32) for k in range(4)),
    ]  # fmt: skip
    assert table.kinds == {"sense"}
    assert table.rate("not", 1, 0) == Rate(0.0, 0.0)
    assert table.probability(32, 20) < table.probability(16, 10) < table.probability(4, 2)
    assert table.provenance["variation_percent"] == 25.0
    assert FailureTable.from_json(table.to_json()) == table


def test_majorities_of_more_operands_stand_behind_those_of_three() -> None:
    plain = of_circuit(CIRCUIT, AMBIT, 10.0, samples=5000)
    table = of_circuit(CIRCUIT, AMBIT, 10.0, inputs=(5, 7, 5), samples=5000)
    assert table.entries[: len(plain.entries)] == plain.entries
    further = [(one.rows, one.ones, one.halves) for one in table.entries[len(plain.entries) :]]
    assert further == [(n, ones, 0) for n in (5, 7) for ones in range(n + 1)]
    closest = [table.probability(n, n // 2 + 1) for n in (3, 5, 7)]
    assert 0 < closest[0] < closest[1] / 5 < closest[2]
    with pytest.raises(InputError, match=r"^`inputs` must be an odd positive integer, not 4$"):
        of_circuit(CIRCUIT, AMBIT, 10.0, inputs=(4,))


def test_static_faults_fail_always() -> None:
    for entry in of_circuit(CIRCUIT, AMBIT, 20.0, samples=20_000).entries:
        assert entry.rate == Rate(entry.probability, 0.0)


def test_the_same_seed_gives_the_same_table() -> None:
    first, again, other = (
        of_circuit(CIRCUIT, AMBIT, 15.0, samples=5000, seed=s) for s in (1, 1, 2)
    )
    assert first == again
    assert first.entries != other.entries


@pytest.mark.parametrize(
    "found", [b"nothing", {"table": "{}"}, {"other": 1}], ids=["damaged", "foreign", "without"]
)
def test_a_table_is_kept_and_made_again_where_it_cannot_be_read(
    found: bytes | dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "own"))
    wanted = of_circuit(CIRCUIT, AMBIT, 10.0, inputs=(5,))
    assert kept_of_circuit(CIRCUIT, AMBIT, 10.0, inputs=(5,)) == wanted
    (record,) = (tmp_path / "own").iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(kept, "of_circuit", None)
        assert kept_of_circuit(CIRCUIT, AMBIT, 10.0, inputs=(5,)) == wanted
    if isinstance(found, bytes):
        record.write_bytes(found)
    else:
        Shelf.own().put(record.stem, found)
    assert kept_of_circuit(CIRCUIT, AMBIT, 10.0, inputs=(5,)) == wanted
    assert kept_of_circuit(CIRCUIT, AMBIT, 20.0) != wanted
    assert len(list((tmp_path / "own").iterdir())) == 2


@pytest.mark.parametrize("process", [AMBIT, DDR4], ids=lambda process: process.name)
def test_no_variation_no_failure(process: Process) -> None:
    for entry in of_circuit(CIRCUIT, process, 0.0, rows=(3, 32)).entries:
        assert (entry.rate, entry.low, entry.high) == (Rate(0.0, 0.0), 0.0, 0.0)


def test_a_circuit_that_is_wrong_without_variation_is_always_wrong() -> None:
    leaked = CIRCUIT.with_set("cell.one_share", 0.45)
    table = of_circuit(leaked, AMBIT, 0.0)
    assert table.rate("sense", 1, 1) == Rate(1.0, 0.0)
    assert table.rate("sense", 1, 0) == Rate(0.0, 0.0)


def test_a_rare_failure_has_the_probability_of_the_gaussian_tail() -> None:
    for sigma_mv in (10.0, 15.0, 25.0):
        entry = of_circuit(CIRCUIT, _offset(sigma_mv), 100.0).entry(3, 2)
        assert isinstance(entry, Estimate)
        exact = norm.sf(SWING_MV / sigma_mv)
        assert entry.low is not None
        assert entry.high is not None
        # 5 % of all intervals miss: allow for a little more than they reach.
        assert entry.low * 0.97 < exact < entry.high * 1.03
        assert entry.high / entry.low < 1.2


def test_estimates_agree_with_counts_where_both_see() -> None:
    table = of_circuit(CIRCUIT, AMBIT, 9.0, samples=1000)
    seen = monte_carlo.count(CIRCUIT, AMBIT, majority(3), 9.0, Sampling(400_000, 3))
    for ones, wrong in zip((2, 1), seen.wrong, strict=True):
        assert isinstance(table.entry(3, ones), Estimate)
        low, high = clopper_pearson(wrong, seen.samples, 0.999)
        assert low < table.probability(3, ones) < high


def test_no_corner_is_worse_than_the_one_that_is_found() -> None:
    for inputs, pattern in ((1, "1"), (1, "0"), (3, "100")):
        path = DecisionPath(CIRCUIT, AMBIT, majority(inputs, criterion=pattern))
        free, fixed = min(path.layout.dims, 17), max(0, path.layout.dims - 17)
        corners = np.array(list(itertools.product((-1.0, 1.0), repeat=free))).T
        for percent in (5.0, 10.0, 25.0):
            found_mv = worst_margin_mv(path, percent / 100)
            for rest in itertools.product((-1.0, 1.0), repeat=fixed):
                tail = np.repeat(np.array(rest)[:, np.newaxis], corners.shape[1], axis=1)
                every_mv = path.margin_mv(np.vstack([corners, tail]), percent / 100)
                assert every_mv.min() >= found_mv - 1e-9


def test_a_bounded_process_cannot_fail_below_its_corner_and_can_above() -> None:
    below, above = (of_circuit(CIRCUIT, AMBIT, percent).entry(3, 2) for percent in (5.59, 5.6))
    assert (below.rate, below.low, below.high) == (Rate(0.0, 0.0), 0.0, 0.0)
    assert 0.0 < above.low <= above.probability <= above.high < 1e-30


def test_noise_of_the_access_is_not_held_against_the_bitline() -> None:
    table = of_circuit(CIRCUIT, _offset(60.0, per_access=True), 100.0, samples=20_000)
    exact = norm.sf(SWING_MV / 60.0)
    rate = table.rate("sense", 3, 2)
    assert rate.static == 0.0
    assert rate.access == pytest.approx(exact, rel=0.03)
    rare = of_circuit(CIRCUIT, _offset(15.0, per_access=True), 100.0).rate("sense", 3, 2)
    assert rare.static == 0.0
    assert rare.access == pytest.approx(norm.sf(SWING_MV / 15.0), rel=0.1)


def test_weak_bitlines_under_noise_are_estimated_as_they_are_counted() -> None:
    noisy = Process(
        "noisy",
        "",
        (Varied("latch.offset", "gaussian", 40.0),
         Varied("cell.one", "gaussian", 0.05, shared=True, per_access=True)),
    )  # fmt: skip
    table = of_circuit(CIRCUIT, noisy, 100.0, samples=1000)
    found = table.entry(3, 2)
    assert isinstance(found, Estimate)
    seen = monte_carlo.count(
        CIRCUIT, noisy, majority(3, criterion="110"), 100.0, Sampling(100_000, 5, 16)
    )
    low, high = clopper_pearson(seen.always_wrong[0], seen.samples, 0.999)
    assert low < found.static < high
    counted = Entry(3, 2, 0, seen.samples * 16, seen.wrong[0], seen.samples, seen.always_wrong[0])
    assert found.access == pytest.approx(counted.rate.access, rel=0.15)
    assert found.static < found.probability


def test_noise_does_not_scale_with_variation() -> None:
    exact = norm.sf(SWING_MV / 50.0)
    for process in (AMBIT.with_noise(50.0), Process("calm", "", ()).with_noise(50.0)):
        rate = of_circuit(CIRCUIT, process, 0.0, samples=20_000).rate("sense", 3, 1)
        assert (rate.static, rate.access) == (0.0, pytest.approx(exact, rel=0.03))
    assert AMBIT.with_noise(0.0) == AMBIT
    quiet, noisy = (
        of_circuit(CIRCUIT, p, 15.0).entry(3, 2) for p in (AMBIT, AMBIT.with_noise(5.0))
    )
    assert noisy.rate.static < quiet.rate.static < noisy.probability
    assert noisy.rate.access > 0.0


def test_bitlines_that_are_always_wrong_are_looked_for_among_the_weak() -> None:
    """Tilting the noise as well would find a twentieth of them."""
    rare = importance_sampling.estimate(
        CIRCUIT, AMBIT.with_noise(10.0), majority(3, criterion="110"), 8.0,
        Sampling(20_000, 1, 16),
    )  # fmt: skip
    assert 1e-6 < rare.probability < 2e-6
    assert rare.effective > 200


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"variation_percent": 101.0}, "`variation` must be from 0 to 100 %, not 101.0"),
        ({"rows": (2,)}, "`rows` must be integers of at least 3, not [2]"),
        ({"rows": ()}, "`rows` must be integers of at least 3, not []"),
        ({"rows": (3, 1024)}, "`rows` must be at most 512, the cells of a bitline, not 1024"),
        ({"samples": 99}, "`samples` must be at least 100, not 99"),
        ({"samples": 1.5}, "`samples` must be a positive integer, not 1.5"),
        ({"seed": -1}, "`seed` must be an integer of at least 0, not -1"),
    ],
)  # fmt: skip
def test_what_cannot_be_tabulated_is_refused(changes: dict[str, Any], message: str) -> None:
    how: dict[str, Any] = {"variation_percent": 10.0} | changes
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        of_circuit(CIRCUIT, AMBIT, **how)
