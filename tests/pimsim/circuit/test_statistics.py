"""Variation, decisions, counts and rare failures: laws, golden tables, independent estimates."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st

from pimsim.circuit.model import parameters, variation
from pimsim.circuit.model.variation import QUANTITIES, Process, UnitLayout, Varied
from pimsim.circuit.statistics import fit, sense_decision
from pimsim.circuit.statistics.charge_sharing import level_mv
from pimsim.circuit.statistics.importance_sampling import estimate
from pimsim.circuit.statistics.intervals import clopper_pearson
from pimsim.circuit.statistics.monte_carlo import Sampling, count
from pimsim.circuit.statistics.sense_decision import (
    DecisionPath,
    majority,
    offset_coefficient,
)
from pimsim.errors import InputError

CIRCUIT = parameters.load("rambus55")
AMBIT = variation.load("ambit-like")
DDR4 = variation.load("ddr4-like")


def _process(*varied: Varied) -> Process:
    return Process("test", "of a test", varied)


OFFSET = _process(Varied("latch.offset", "gaussian", 100.0))

amounts = {"share": st.floats(0.05, 1.0), "mv": st.floats(10.0, 400.0)}
processes = st.lists(
    st.sampled_from([name for name, one in QUANTITIES.items() if one.decides]).flatmap(
        lambda name: st.builds(
            Varied,
            st.just(name),
            st.sampled_from(variation.DISTRIBUTIONS),
            amounts[QUANTITIES[name].unit],
            shared=st.booleans(),
            per_access=st.booleans(),
        )
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda one: one.quantity,
).map(lambda varied: _process(*varied))


# The decision path is charge sharing plus an offset.


@pytest.mark.parametrize("bits", list(itertools.product((0, 1), repeat=3)))
def test_without_variation_the_difference_is_the_exact_swing(bits: tuple[int, ...]) -> None:
    path = DecisionPath(CIRCUIT, AMBIT, majority(3, criterion="".join(map(str, bits))))
    difference = path.difference_mv(np.zeros((path.layout.dims, 1)), 0.25)
    swing_mv = level_mv(CIRCUIT, [1200.0 * bit for bit in bits]) - 600.0
    assert difference.item() == pytest.approx(swing_mv, abs=1e-9)
    assert not path.wrong(np.zeros((path.layout.dims, 1)), 0.25).any()


@given(process=processes, seed=st.integers(0, 99), at=st.floats(0.0, 0.25))
@settings(max_examples=40)
def test_the_difference_follows_its_formula_sample_by_sample(
    process: Process, seed: int, at: float
) -> None:
    """One sample at a time, in plain Python, from the drawn values."""
    operation = majority(3, 4, "either")
    path = DecisionPath(CIRCUIT, process, operation)
    units = path.layout.draw(np.random.default_rng(seed), np.random.default_rng(seed + 1), 3)
    got = path.difference_mv(units, at)

    def value(quantity: str, instance: int, sample: int) -> float:
        drawn = path.layout.values(units, quantity, at)
        if drawn is None:
            return 0.0
        return float(drawn[instance if len(drawn) > 1 else 0, sample])

    def scaled(quantity: str, instance: int, sample: int) -> float:
        return max(1.0 + value(quantity, instance, sample), 0.01)

    for sample, (row, held) in itertools.product(range(3), enumerate(operation.patterns)):
        charge = total = 0.0
        for cell in range(4):
            level = 600.0
            if cell < 3 and held[cell]:
                level = 1200.0 * scaled("cell.one", cell, sample)
            elif cell < 3:
                level = value("cell.zero", cell, sample)
            cell_ff = 22.0 * scaled("cell.capacitance", cell, sample)
            charge, total = charge + cell_ff * level, total + cell_ff
        line_ff = [85.0 * scaled("bitline.capacitance", side, sample) for side in (0, 1)]
        line_mv = [600.0 * scaled("bitline.precharge", side, sample) for side in (0, 1)]
        bitline_mv = (charge + line_ff[0] * line_mv[0]) / (total + line_ff[0])
        common = np.array((bitline_mv + line_mv[1]) / 2)
        expected = bitline_mv - line_mv[1] + value("latch.offset", 0, sample)
        expected += value("sense.noise", 0, sample)
        for kind in ("n", "p"):
            name = f"latch_{kind}"
            vt = value(f"{name}.vt", 0, sample) - value(f"{name}.vt", 1, sample)
            shape = [
                math.log(scaled(f"{name}.w", side, sample) / scaled(f"{name}.l", side, sample))
                for side in (0, 1)
            ]
            expected += float(offset_coefficient(f"a_{kind}", common)) * vt
            expected += float(offset_coefficient(f"b_{kind}_mv", common)) * (shape[0] - shape[1])
        expected += float(offset_coefficient("c_mv", common)) * math.log(line_ff[0] / line_ff[1])
        assert got[row, sample] == pytest.approx(expected, abs=1e-6)


def test_offset_coefficients_are_those_measured() -> None:
    for common_mode_mv, expected in (
        (643.7, (0.99, 0.01, -37.0, 0.0, 23.0)),
        (556.3, (0.80, -0.21, -18.0, 9.0, 30.0)),
    ):
        names = ("a_n", "a_p", "b_n_mv", "b_p_mv", "c_mv")
        got = [float(offset_coefficient(name, np.array(common_mode_mv))) for name in names]
        # The physics allows no pMOS threshold of the other sign: 0.01 becomes 0.
        assert got == pytest.approx(expected, abs=0.011)


def test_capacitors_alone_never_fail_a_tra_below_a_third() -> None:
    """Worst corner: two ones small, the zero large; 2 (1 - x) = 1 + x at x = 1/3."""
    process = _process(Varied("cell.capacitance", "uniform", 1.0))
    path = DecisionPath(CIRCUIT, process, majority(3, criterion="110"))
    corner = np.array([[-1.0], [-1.0], [1.0]])
    assert not path.wrong(corner, 0.333).any()
    assert path.wrong(corner, 0.334).all()


def test_the_all_adverse_corner_is_near_the_published_one() -> None:
    """Published: works at +-6 % with every component adverse; with transients we found 5.6 %."""
    path = DecisionPath(CIRCUIT, AMBIT, majority(3, criterion="110"))
    corners = np.sign(_slopes(path))[:, np.newaxis] * -1.0
    assert path.margin_mv(corners, 0.055).item() > 0
    assert path.margin_mv(corners, 0.057).item() < 0


def _slopes(path: DecisionPath) -> np.ndarray:
    dims = path.layout.dims
    steps = np.hstack([np.eye(dims), -np.eye(dims)]) * 1e-3
    margin = path.margin_mv(steps, 0.06)[0]
    return np.asarray(margin[:dims] - margin[dims:])


@given(seed=st.integers(0, 1000), at=st.floats(0.0, 0.25), inputs=st.sampled_from([3, 5]))
@settings(max_examples=25)
def test_majority_is_monotone_in_each_operand(seed: int, at: float, inputs: int) -> None:
    operation = majority(inputs, criterion="all")
    path = DecisionPath(CIRCUIT, AMBIT, operation)
    rng = np.random.default_rng(seed)
    difference = path.difference_mv(path.layout.draw(rng, rng, 50), at)
    row = {pattern: index for index, pattern in enumerate(operation.patterns)}
    for pattern in operation.patterns:
        for operand in range(inputs):
            raised = (*pattern[:operand], True, *pattern[operand + 1 :])
            if raised in row:
                assert (difference[row[raised]] >= difference[row[pattern]] - 1e-9).all()


@given(process=processes, seed=st.integers(0, 99))
@settings(max_examples=25)
def test_complementing_operands_mirrors_what_is_symmetric(process: Process, seed: int) -> None:
    """Cell and bitline capacitance spread evenly about vdd/2: pattern 110 fails as 001 does."""
    kept = [one for one in process.varied if one.quantity.endswith("capacitance")]
    path = DecisionPath(CIRCUIT, _process(*kept), majority(3, criterion="all"))
    units = path.layout.draw(np.random.default_rng(seed), np.random.default_rng(seed), 100)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sense_decision, "OFFSET", NO_OFFSET)
        difference = path.difference_mv(units, 0.3)
    for index, pattern in enumerate(path.operation.patterns):
        other = path.operation.patterns.index(tuple(not bit for bit in pattern))
        np.testing.assert_allclose(difference[index], -difference[other], atol=1e-9)


NO_OFFSET = dict.fromkeys(sense_decision.OFFSET, (0.0, 0.0, 0.0, 0.0))


# Counting.


@given(process=processes, low=st.floats(0.0, 30.0), more=st.floats(0.0, 15.0))
@settings(max_examples=40)
def test_more_variation_never_lowers_the_failure_rate(
    process: Process, low: float, more: float
) -> None:
    """The same units scaled up; what is not linear may turn single samples back."""
    less, most = (
        count(CIRCUIT, process, majority(3), percent, Sampling(2000, 1)).failed
        for percent in (low, low + more)
    )
    assert most >= less - 3.0 * math.sqrt(less)


def test_a_gaussian_offset_fails_exactly_as_its_tail_says() -> None:
    for percent in (40.0, 60.0, 90.0):
        counts = count(CIRCUIT, OFFSET, majority(3), percent, Sampling(50_000, 3))
        tail = scipy.stats.norm.sf(87.4172 / percent)
        for wrong in counts.wrong:
            low, high = clopper_pearson(wrong, counts.samples, 0.999)
            assert low < tail < high
        assert counts.failed == sum(counts.wrong)  # a positive offset cannot fail both


def test_a_seed_says_it_all() -> None:
    def run(seed: int, samples: int = 9000) -> tuple[int, ...]:
        return count(CIRCUIT, AMBIT, majority(3), 20.0, Sampling(samples, seed)).wrong

    assert run(5) == run(5) == (925, 520)
    assert run(5) != run(6)
    # More samples continue the same stream.
    assert all(few <= many for few, many in zip(run(5, 4096), run(5, 9000), strict=True))


def test_the_criterion_alone_changes_the_result() -> None:
    either, all_of, one = (
        count(CIRCUIT, AMBIT, majority(3, criterion=name), 15.0, Sampling(20_000, 1)).failed
        for name in ("either", "all", "110")
    )
    assert one < either < all_of


def test_static_faults_stay_and_per_access_noise_does_not() -> None:
    noise = _process(Varied("latch.offset", "gaussian", 100.0, per_access=True))
    static = count(CIRCUIT, OFFSET, majority(3), 90.0, Sampling(4000, 1, 5))
    once = count(CIRCUIT, OFFSET, majority(3), 90.0, Sampling(4000, 1))
    assert static.failed == once.failed
    assert static.always_wrong == once.wrong
    assert static.wrong == tuple(5 * wrong for wrong in once.wrong)
    noisy = count(CIRCUIT, noise, majority(3), 90.0, Sampling(4000, 1, 5))
    tail = scipy.stats.norm.sf(87.4172 / 90.0)
    assert noisy.wrong[0] / 20_000 == pytest.approx(tail, rel=0.1)
    assert noisy.failed / 4000 == pytest.approx(1 - (1 - 2 * tail) ** 5, rel=0.1)
    assert sum(noisy.always_wrong) < 20 < sum(static.always_wrong)


def test_static_bitlines_do_not_depend_on_per_access_noise() -> None:
    noise = Varied("cell.zero", "gaussian", 50.0, per_access=True)
    layout = UnitLayout(_process(*OFFSET.varied, noise), 3)
    units = [
        layout.draw(np.random.default_rng(1), np.random.default_rng(seed), 10) for seed in (2, 3)
    ]
    np.testing.assert_array_equal(units[0][~layout.per_access], units[1][~layout.per_access])
    assert (units[0][layout.per_access] != units[1][layout.per_access]).all()
    before = units[0].copy()
    layout.redraw(units[0], np.random.default_rng(9))
    changed = (units[0] != before).all(axis=1)
    assert (changed == layout.per_access).all()


# Published numbers.


def test_ambits_table_comes_out() -> None:
    """100,000 bitlines a row, fails if either pattern fails; 1.5 points a row, 10 % 0.05 to 0.8."""
    result = fit.residuals("ambit-like", samples=100_000, seed=2)
    for point, row in zip(result.points, fit.ambit_tra(), strict=True):
        assert point.published == row.failure_percent
        assert abs(point.residual) <= 1.5
    assert 0.05 <= result.points[2].model <= 0.8
    assert result.points[0].model == result.points[1].model == 0.0


def test_simras_means_come_out() -> None:
    result = fit.residuals("ddr4-like", samples=5000, seed=2)
    assert len(result.points) == 12
    assert result.rms <= 6.0
    assert result.rms == pytest.approx(4.3, abs=0.5)


def test_refitting_comes_back_to_the_bundled_amounts() -> None:
    result = fit.refit("ambit-like", samples=10_000, seed=4)
    assert result.amounts["latch_n.vt"] == result.amounts["latch_p.vt"]
    assert result.amounts["latch_n.vt"] == pytest.approx(270.0, abs=12.0)
    bent = fit.residuals("ambit-like", samples=10_000, seed=4)
    assert result.rms <= bent.rms + 0.1


# Rare failures.


@pytest.mark.parametrize("deviations", [3.0, 5.9978, 8.0])
def test_importance_sampling_finds_the_exact_tail(deviations: float) -> None:
    rare = estimate(
        CIRCUIT, OFFSET, majority(3, criterion="110"), 87.41722 / deviations,
        Sampling(20_000, 1),
    )  # fmt: skip
    # 5 % of all intervals miss: allow for a little more than they reach.
    assert rare.low * 0.97 < scipy.stats.norm.sf(deviations) < rare.high * 1.03
    assert rare.high / rare.low < 1.2


def test_at_one_in_a_billion_the_interval_is_narrower_than_a_factor_two() -> None:
    rare = estimate(CIRCUIT, AMBIT, majority(3), 6.2, Sampling(20_000, 1))
    assert 1e-10 < rare.probability < 1e-8
    assert rare.high / rare.low < 2.0
    again = estimate(CIRCUIT, AMBIT, majority(3), 6.2, Sampling(200_000, 2))
    assert rare.low < again.high
    assert again.low < rare.high


@pytest.mark.parametrize(
    ("circuit", "process", "inputs", "rows", "criterion", "percent"),
    [
        ("rambus55", AMBIT, 3, 3, "either", 9.0),
        ("rambus55", AMBIT, 3, 3, "all", 12.0),
        ("rambus55", AMBIT, 3, 3, "100", 15.0),
        ("rambus55", AMBIT, 1, 1, "either", 15.0),
        ("rambus55", AMBIT, 5, 8, "either", 12.0),
        ("crow22", AMBIT, 3, 3, "either", 10.0),
        ("ddr4-like", DDR4, 3, 4, "either", 60.0),
        ("ddr4-like", DDR4, 3, 32, "either", 100.0),
        ("ddr4-like", DDR4, 5, 16, "all", 80.0),
        ("ddr4-like", DDR4, 9, 32, "either", 50.0),
    ],
)
def test_importance_sampling_agrees_with_counting(
    circuit: str, process: Process, inputs: int, rows: int, criterion: str, percent: float
) -> None:
    loaded, operation = parameters.load(circuit), majority(inputs, rows, criterion)
    counts = count(loaded, process, operation, percent, Sampling(100_000, 11))
    assert counts.failed >= 20
    low, high = counts.interval(0.99)
    rare = estimate(loaded, process, operation, percent, Sampling(40_000, 12))
    assert rare.low <= high
    assert low <= rare.high


@given(process=processes, percent=st.floats(5.0, 40.0))
@settings(max_examples=15)
def test_importance_sampling_is_unbiased_for_any_process(process: Process, percent: float) -> None:
    operation = majority(3)
    static = _process(*(replace(one, per_access=False) for one in process.varied))
    counts = count(CIRCUIT, static, operation, percent, Sampling(20_000, 1))
    if counts.failed < 20:
        return
    rare = estimate(CIRCUIT, static, operation, percent, Sampling(10_000, 2))
    low, high = counts.interval(0.9999)
    assert rare.low <= high
    assert low <= rare.high


def test_what_cannot_fail_has_no_upper_bound() -> None:
    rare = estimate(CIRCUIT, AMBIT, majority(3), 3.0, Sampling(1000, 1))
    assert (rare.probability, rare.low, rare.failed) == (0.0, 0.0, 0)
    assert math.isnan(rare.high)


# What a mistyped process or operation is told.

VARY = '[[vary]]\nquantity = "cell.capacitance"\ndistribution = "uniform"\namount = 1.0\n'
HEAD = 'name = "mine"\ndescription = "x"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + VARY.replace("cell.cap", "cel.cap"),
         "mine.toml: [[vary]] unknown quantity `cel.capacitance`; did you mean "
         "`cell.capacitance`?"),
        (HEAD + VARY.replace("uniform", "normal"),
         "mine.toml: [[vary]] `distribution` must be one of uniform, gaussian, gumbel, "
         "not 'normal'"),
        (HEAD + VARY.replace("1.0", "-1"),
         "mine.toml: [[vary]] `amount` must be a number from 0 to 100 of the nominal "
         "value, not -1"),
        (HEAD + VARY + VARY, "mine.toml: `cell.capacitance` must be varied once, not twice"),
        (HEAD + VARY + "sharde = true\n",
         "mine.toml: [[vary]] has the unknown key `sharde`; did you mean `shared`?"),
        (HEAD + VARY.replace("amount = 1.0\n", ""),
         "mine.toml: [[vary]] must have the key `amount`"),
        (HEAD + VARY + 'source = "nobody"\n',
         "mine.toml: [[vary]] must cite a key of [sources], not 'nobody'"),
        (HEAD, "mine.toml: `vary` must be tables [[vary]], not None"),
        (VARY, "mine.toml has 2 mistakes: (1) `name` must be a text of one line, not None; "
         "(2) `description` must be a text of one line, not None"),
    ],
)  # fmt: skip
def test_bad_process_files(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        variation.load(path)


@pytest.mark.parametrize("name", variation.names())
def test_bundled_processes_cite_every_amount(name: str) -> None:
    process = variation.load(name)
    assert process.name == name
    assert all(len(one.source) > 40 for one in process.varied)
    assert "stated by" not in "".join(one.source for one in process.varied)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: majority(4), "`inputs` must be an odd positive integer, not 4"),
        (lambda: majority(3, criterion="1100"),
         "`criterion` must be a pattern of 3 inputs, either or all, not '1100'"),
        (lambda: majority(3, criterion="any"),
         "`criterion` must be either, all or a pattern such as 110, not 'any'"),
        (lambda: majority(13, criterion="all"),
         "`inputs` must be at most 11 for the criterion all, not 13"),
        (lambda: count(CIRCUIT, AMBIT, majority(3), 101.0, Sampling(10, 1)),
         "`variation` must be from 0 to 100 %, not 101.0"),
        (lambda: count(CIRCUIT, AMBIT, majority(3), 10.0, Sampling(0, 1)),
         "`samples` must be a positive integer, not 0"),
        (lambda: count(CIRCUIT, AMBIT, majority(3), 10.0, Sampling(1, -1)),
         "`seed` must be an integer of at least 0, not -1"),
        (lambda: count(CIRCUIT, AMBIT, majority(3, 600), 10.0, Sampling(1, 1)),
         "`rows` must be at most 512, the cells of a bitline, not 600"),
        (lambda: estimate(CIRCUIT, AMBIT, majority(3), 10.0, Sampling(99, 1)),
         "`samples` must be an integer of at least 100, not 99"),
        (lambda: fit.residuals("ambit", samples=1, seed=1),
         "`process` must be one of ambit-like, ddr4-like, not 'ambit'; did you mean 'ambit-like'?"),
        (lambda: variation.load("ambit"),
         "`process` must be one of ambit-like, ddr4-like or the path of a .toml file, "
         "not 'ambit'; did you mean 'ambit-like'?"),
        (lambda: AMBIT.with_noise(1.0).with_noise(1.0),
         "`sense.noise` must be varied once, not twice"),
        (lambda: AMBIT.with_amount("latch.offset", 1.0),
         "`quantity` must be one that ambit-like varies, not 'latch.offset'"),
    ],
)  # fmt: skip
def test_bad_input(act: object, message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        act()  # type: ignore[operator]
