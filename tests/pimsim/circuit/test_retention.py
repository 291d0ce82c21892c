"""Cells differ in how long they hold: measured modules, Monte Carlo, rare events, temperature."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import gumbel_r, norm

from pimsim.circuit.failure_tables.from_circuit import of_circuit
from pimsim.circuit.model import parameters, retention, variation
from pimsim.circuit.model.variation import Process, UnitLayout, Varied, gumbel
from pimsim.circuit.statistics import retention_fit
from pimsim.circuit.statistics.importance_sampling import estimate
from pimsim.circuit.statistics.monte_carlo import Sampling, count, count_cycles
from pimsim.circuit.statistics.retention_fit import measured
from pimsim.circuit.statistics.sense_decision import majority
from pimsim.errors import InputError

CIRCUIT = parameters.load("rambus55")
AMBIT = variation.load("ambit-like")
POOLED = [point for point in measured() if point.pooled]


@pytest.mark.parametrize("wait_s", sorted({point.wait_s for point in POOLED}))
def test_as_many_cells_are_lost_as_on_modules(wait_s: float) -> None:
    """Within what the nine modules that are alike differ by, after each of eleven times."""
    of_modules = [p.percent for p in POOLED if p.wait_s == wait_s and p.celsius == 90]
    found = retention_fit.simulated_percent(wait_s, 90.0, Sampling(200_000, seed=7))
    assert min(of_modules) < found < max(of_modules)


def test_the_data_are_those_that_were_counted() -> None:
    """The points that other readers of the data quote: 8 of 11 lose up to 0.23 % in 4 s."""
    first = {p.module: p.percent for p in measured() if (p.wait_s, p.celsius) == (4, 90)}
    assert len(first) == 11
    assert sorted(round(one, 3) for one in first.values())[-2:] == [0.837, 1.056]
    assert max(p.percent for p in POOLED if (p.wait_s, p.celsius) == (4, 90)) < 0.23
    last = [p.percent for p in measured() if p.wait_s == 4096]
    assert (round(min(last)), round(max(last))) == (28, 100)


def test_at_50_degrees_it_takes_eight_times_as_long() -> None:
    """Of the one module that was measured at both, and of the model."""
    shares = {(p.celsius, p.wait_s): p.percent for p in measured() if p.module == "hyhy13"}
    for wait_s in (4, 8, 16, 32):
        assert shares[50, 8 * wait_s] == pytest.approx(shares[90, wait_s], rel=0.06)
    waits = CIRCUIT.retention.waited(8.0, 50.0), CIRCUIT.retention.waited(1.0, 90.0)
    assert waits[0] == pytest.approx(waits[1], rel=0.01)


def test_the_bundled_numbers_are_the_fit() -> None:
    found = retention_fit.fit([point for point in POOLED if point.celsius == 90])
    bundled = CIRCUIT.retention
    assert bundled.time_constant_ms == pytest.approx(found.time_constant_ms, rel=1e-3)
    assert bundled.log_scale == pytest.approx(found.log_scale, rel=1e-3)
    assert bundled.reference_celsius == 90


def test_a_log_normal_is_farther_from_the_modules() -> None:
    """Why the distribution is Gumbel's: errors of ln(share lost), each fitted by least squares."""
    points = [point for point in POOLED if point.celsius == 90]
    log_s = np.log([point.wait_s for point in points])
    share = np.array([point.lost / point.cells for point in points])
    rank = norm.ppf(share)
    normal = norm.cdf(np.polyval(np.polyfit(log_s, rank, 1), log_s))
    found = retention_fit.fit(points)
    extreme = np.array([found.lost_share(point.wait_s) for point in points])
    errors = [float(np.std(np.log(model / share))) for model in (extreme, normal)]
    assert errors[0] < 0.8 * errors[1]


def test_gumbel_units_have_the_rank_of_their_normals() -> None:
    normal = np.linspace(-8.0, 8.0, 33)
    median = gumbel_r.median()
    expected = gumbel_r.ppf(norm.cdf(normal[:24])) - median
    assert gumbel(normal[:24]) == pytest.approx(expected, rel=1e-6)
    assert np.all(np.diff(gumbel(normal)) > 0)
    assert np.isfinite(gumbel(np.array([-38.0, 60.0]))).all()


def test_lost_cells_follow_from_the_distribution() -> None:
    for process in ("ambit-like", "ddr4-like"):
        spread = variation.load(process)
        for wait_s in (4.0, 64.0, 4096.0):
            waited = retention.after(CIRCUIT, 1e3 * wait_s, 90.0)
            read = majority(1, criterion="1")
            counts = count(waited, spread, read, 0.0, Sampling(100_000, 3))
            low, high = counts.interval(0.9999)
            assert low < retention.lost_share(waited, spread) < high  # type: ignore[operator]


def test_temperature_acts() -> None:
    shares = [
        retention.lost_share(retention.after(CIRCUIT, 4_000.0, celsius), AMBIT)
        for celsius in (25.0, 45.0, 65.0, 85.0, 95.0)
    ]
    assert shares == sorted(shares)
    assert shares[-1] > 1e3 * shares[0]  # type: ignore[operator]


def test_nothing_differs_before_time_has_passed() -> None:
    """Units, and so all numbers of a seed, are those of the process without retention."""
    without = Process("x", "y", tuple(v for v in AMBIT.varied if v.quantity != "cell.retention"))
    for circuit in (CIRCUIT, retention.after(CIRCUIT, 0.0, 85.0)):
        bare = count(circuit, without, majority(3), 20.0, Sampling(20_000, 3))
        assert count(circuit, AMBIT, majority(3), 20.0, Sampling(20_000, 3)) == bare
    assert of_circuit(CIRCUIT, AMBIT, 5.0).probability(3, 2) == 0.0  # bounded, as ever


@pytest.mark.parametrize(
    ("wait_s", "criterion", "percent"),
    [(4, "110", 0), (4, "111", 10), (64, "111", 0), (64, "110", 15), (4, "100", 10)],
)
def test_rare_losses_agree_with_counts(wait_s: float, criterion: str, percent: float) -> None:
    """One weak cell is enough for 110, two are needed for 111, none helps 100 to fail."""
    waited = retention.after(CIRCUIT, 1e3 * wait_s, 90.0)
    operation = majority(3, criterion=criterion)
    rare = estimate(waited, AMBIT, operation, percent, Sampling(20_000, 5))
    counts = count(waited, AMBIT, operation, percent, Sampling(400_000, 5))
    low, high = counts.interval(0.999)
    assert rare.low < high
    assert rare.high > low


def test_a_gigabit_has_a_few_cells_that_need_their_refresh() -> None:
    """Estimated, for no Monte Carlo sees it: a read of a one after 64 ms at 85 degrees."""
    waited = retention.after(CIRCUIT, 64.0, 85.0)
    rare = estimate(waited, AMBIT, majority(1, criterion="1"), 0.0, Sampling(20_000, 1))
    share = retention.lost_share(waited, AMBIT)
    assert share is not None
    assert rare.low < share < rare.high
    assert 0.1 < share * 2**30 < 10


def test_whole_cycles_leak_cell_by_cell() -> None:
    waited = retention.after(CIRCUIT, 512_000.0, 90.0)
    read = majority(1, criterion="1")
    cycles = count_cycles(waited, AMBIT, read, 0.0, Sampling(600, 1))
    low, high = cycles.interval(0.999)
    assert low < count(waited, AMBIT, read, 0.0, Sampling(100_000, 1)).failed / 1e5 < high


def test_tables_of_waiting_cells_are_static_and_grow() -> None:
    hot, hotter = (
        of_circuit(retention.after(CIRCUIT, 4_000.0, celsius), AMBIT, 5.0)
        for celsius in (45.0, 85.0)
    )
    assert hotter.probability(3, 2) > 100 * hot.probability(3, 2) > 0
    assert hotter.rate("sense", 3, 2).access == 0.0
    stated = [one["quantity"] for one in hotter.provenance["process"]["varied"]]
    assert stated[-1] == "cell.retention"
    assert hotter.provenance["leaked_time_constants"] > hot.provenance["leaked_time_constants"]


def test_the_worst_cell_is_a_preset() -> None:
    worst = parameters.load("worst-cell")
    assert (worst.retention.time_constant_ms, worst.retention.log_scale) == (287, 0)
    waited = retention.after(worst, 64.0, 85.0)
    assert retention.acting(waited, AMBIT).varied == AMBIT.varied[:-1]
    assert retention.lost_share(waited, AMBIT) is None
    assert retention.weakest(worst, AMBIT, 1000) == worst


def test_files_from_before_have_cells_that_are_alike(tmp_path: Path) -> None:
    text = parameters.toml(parameters.load("worst-cell"))
    kept = "\n".join(line for line in text.splitlines() if "log_scale" not in line)
    path = tmp_path / "mine.toml"
    path.write_text(kept, "utf-8")
    mine = parameters.load(path)
    assert mine.retention == parameters.load("worst-cell").retention
    assert "not stated" in mine.sources["retention.log_scale"]
    (tmp_path / "again.toml").write_text(parameters.toml(mine), "utf-8")
    assert parameters.load(tmp_path / "again.toml").retention == mine.retention


def test_levels_end_at_ground_and_supply() -> None:
    for leak_to_mv, bit, end_mv in ((-500.0, True, 0.0), (2_000.0, False, 1200.0)):
        circuit = CIRCUIT.with_set("retention.leak_to_mv", leak_to_mv)
        waited = retention.after(circuit, 1e12, 90.0)
        restored_mv = circuit.restored_one_mv if bit else circuit.restored_zero_mv
        left = retention.left_mv(waited, restored_mv, np.zeros((1, 1)))
        assert np.asarray(left).item() == end_mv
        assert (waited.one_mv if bit else waited.zero_mv) == end_mv


def test_units_of_retention_are_found() -> None:
    layout = UnitLayout(AMBIT, 3)
    assert list(layout.rows("cell.retention")) == [
        layout.dims - 3,
        layout.dims - 2,
        layout.dims - 1,
    ]
    assert list(layout.rows("sense.noise")) == []


def test_too_few_points_are_refused() -> None:
    message = "`points` must be of at least two times at which some cells are lost, not all"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        retention_fit.fit(POOLED[:1])


@pytest.mark.parametrize("distribution", variation.DISTRIBUTIONS)
def test_quantiles_are_those_of_the_draws(distribution: str) -> None:
    one = Varied("cell.retention", distribution, 2.0, fixed=True)
    layout = UnitLayout(Process("x", "y", (one,)), 1)
    rng = np.random.default_rng(4)
    drawn = layout.values(layout.draw(rng, rng, 50_000), "cell.retention", 0.0)
    assert drawn is not None
    for share in (0.01, 0.3, 0.9):
        assert (drawn < one.quantile(share)).mean() == pytest.approx(share, abs=0.01)
        assert one.below(one.quantile(share)) == pytest.approx(share)
