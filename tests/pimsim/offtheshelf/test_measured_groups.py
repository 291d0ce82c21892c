"""Distributions of row groups: read, drawn from, screened, and carried out.

The laws are held on boxes that are made up, and on measured ones where those are.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pimsim.circuit.failure_tables.chips.summary import ActivationDelays
from pimsim.errors import InputError
from pimsim.offtheshelf.boxes import (
    COLUMNS,
    FILE,
    FOLDER,
    QUANTILES,
    Box,
    BoxTable,
    location,
    read_boxes,
    sizes,
)
from pimsim.offtheshelf.groups import Measured, always_right, mean_rates
from pimsim.offtheshelf.primitives import PRIMITIVES

MADE = read_boxes(Path(__file__).parents[2] / "made_boxes.csv")
BOXES = MADE.boxes
HEADER = ",".join((*COLUMNS, "max"))
GOOD = "MAJ3,4,random,1.5,1.5,pct_bitlines_always_correct,62,0,0,98.5,99.5,100,100"
QUICK = "MAJ3", 4, "random", ActivationDelays(1.5, 1.5)


@pytest.fixture
def measured() -> BoxTable:
    """What was measured, for tests marked ``chips``."""
    path = location()
    assert path is not None
    return read_boxes(path)


def _file(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "mine.csv"
    path.write_text("\n".join((header, *lines)) + "\n", "utf-8")
    return path


def _goes_through(box: Box) -> None:
    for share, value in zip(QUANTILES, box.values, strict=True):
        assert box.success(share) == pytest.approx(value, abs=1e-12)
    curve = [box.success(share) for share in np.linspace(0, 1, 501)]
    assert (np.diff(curve) >= -1e-12).all()


def _has_its_mean(box: Box) -> None:
    """A tenth of a point is what reading a box plot costs."""
    parts = list(zip(QUANTILES, QUANTILES[1:], box.values, box.values[1:], strict=False))
    least = sum((b - a) * low for a, b, low, _ in parts)
    most = sum((b - a) * high for a, b, _, high in parts)
    mean = box.mean_of_best(1.0)
    assert least - 1e-9 <= mean <= most + 1e-9
    widest = max((b - a) * (high - low) for a, b, low, high in parts)
    if abs(box.mean - (least + most) / 2) < 0.99 * widest / 2:
        assert mean == pytest.approx(box.mean, abs=1e-9)
    assert mean == pytest.approx(box.mean, abs=2e-3)


@pytest.mark.parametrize("box", BOXES, ids=lambda box: box.text)
def test_a_curve_goes_through_its_box(box: Box) -> None:
    _goes_through(box)


@pytest.mark.parametrize("box", BOXES, ids=lambda box: box.text)
def test_a_curve_has_the_mean_of_its_box_where_that_allows(box: Box) -> None:
    _has_its_mean(box)


@pytest.mark.chips
def test_curves_of_measured_boxes(measured: BoxTable) -> None:
    assert len(measured.boxes) > 100
    for box in measured.boxes:
        _goes_through(box)
        _has_its_mean(box)


def test_the_mean_of_the_best_is_that_of_drawing_among_them() -> None:
    for rows, delays in ((4, ActivationDelays(1.5, 1.5)), (32, ActivationDelays(1.5, 3.0))):
        box = MADE.find("MAJ3", rows, "random", delays)
        for best in (1.0, 0.75, 0.5, 0.1):
            drawn = box.drawn(np.random.default_rng(4), 200_000, best)
            assert drawn.mean() == pytest.approx(box.mean_of_best(best), abs=3e-3)
            assert drawn.min() >= box.success(1 - best) - 1e-12


def test_a_mean_hides_that_a_quarter_never_works() -> None:
    drawn = MADE.find(*QUICK).drawn(np.random.default_rng(1), 100_000)
    assert drawn.mean() == pytest.approx(0.62, abs=0.004)
    assert np.median(drawn) == pytest.approx(0.985, abs=0.01)
    assert (drawn == 0).mean() == pytest.approx(0.25, abs=0.005)


@pytest.mark.chips
def test_a_measured_mean_hides_it_too(measured: BoxTable) -> None:
    box = measured.find(*QUICK)
    drawn = box.drawn(np.random.default_rng(1), 100_000)
    assert drawn.mean() == pytest.approx(0.5663, abs=0.004)
    assert np.median(drawn) == pytest.approx(0.991, abs=0.01)
    assert (drawn == 0).mean() == pytest.approx(0.25, abs=0.005)


@pytest.mark.chips
def test_what_was_measured(measured: BoxTable) -> None:
    assert sizes(measured, "MAJ9") == [16, 32]
    assert sizes(measured, "multi-row-copy") == [2, 4, 8, 16, 32]
    for operation, mean in (("MAJ3", 98.97), ("MAJ5", 79.81), ("MAJ7", 34.12), ("MAJ9", 5.88)):
        box = measured.find(operation, 32, "random", ActivationDelays(1.5, 3))
        assert box.mean == pytest.approx(mean / 100)


def test_columns_that_are_not_needed_and_lines_that_say_it_again(tmp_path: Path) -> None:
    header = HEADER.replace(",max", ",max_plotted,n_groups_est,source_figure")
    read = read_boxes(_file(tmp_path, f"{GOOD},,one.pdf", f"{GOOD},40,other.pdf", header=header))
    assert read.boxes == (MADE.find(*QUICK),)
    assert read_boxes(_file(tmp_path, GOOD, GOOD)).boxes == read.boxes


def test_where_boxes_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIMSIM_DATA", raising=False)
    assert location() is None
    monkeypatch.setenv("PIMSIM_DATA", str(tmp_path))
    assert location() is None
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / FILE).touch()
    assert location() == tmp_path / FOLDER / FILE
    assert location(Path("mine.csv")) == Path("mine.csv")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["MAJ4" + GOOD[4:]], "line 2: `op` must be a majority of an odd number of operands, not "),
        (["MAJ11" + GOOD[4:]], "line 2: `op` must be one of MAJ3, MAJ5, MAJ7, MAJ9, many-row-act"),
        (["MAJ5" + GOOD[4:]], "line 2: `rows_activated` must be at least the 5 operands of MAJ5, "),
        ([GOOD.replace(",4,", ",12,")],
         "line 2: `rows_activated` must be one of 2, 4, 8, 16, 32, powers of two, not 12"),
        ([GOOD, GOOD.replace(",62,", ",50,")],
         "line 3 must not contradict another line of MAJ3, 4"),
        ([GOOD.replace(",98.5,", ",99.90,")], "line 2: `p75` must be at least 99.9, not 99.5"),
        ([GOOD[:-3] + "101"], "line 2: `max` must be a percentage from 0 to 100, not"),
        ([GOOD.replace(",62,", ",nan,")], "line 2: `mean` must be a number, not 'nan'"),
        ([GOOD.replace("bitlines_always", "things")], "line 2: `metric` must be one of pct_bitli"),
        ([GOOD + ",7"], "line 2 must have 13 values, not 14"),
    ],
)  # fmt: skip
def test_mistakes_in_a_file_are_named_with_their_line(
    tmp_path: Path, lines: list[str], message: str
) -> None:
    with pytest.raises(InputError) as refused:
        read_boxes(_file(tmp_path, *lines))
    assert message in str(refused.value)
    assert str(refused.value).startswith("mine.csv, ")


@pytest.mark.parametrize("column", [*COLUMNS, "max"])
def test_a_missing_column_is_named(tmp_path: Path, column: str) -> None:
    names = HEADER.split(",")
    at = names.index(column)
    line = ",".join(v for n, v in enumerate(GOOD.split(",")) if n != at)
    header = ",".join(name for name in names if name != column)
    wanted = "max or max_plotted" if column == "max" else column
    with pytest.raises(InputError) as refused:
        read_boxes(_file(tmp_path, line, header=header))
    assert str(refused.value) == f"mine.csv, line 1 must have the columns {wanted}"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("MAJ3", 4, "random", ActivationDelays(2, 2)), "`delays` of MAJ3, 4 rows, random must be"),
        (("MAJ5", 4, "random", ActivationDelays(1.5, 3)), "`rows` of MAJ5 must be what made_boxes"),
        (("MAJ3", 4, "ones", ActivationDelays(1.5, 3)), "`pattern` of MAJ3, 4 rows must be what "),
        (("MAJ2", 4, "random", ActivationDelays(1.5, 3)), "`operation` must be what made_boxes.c"),
    ],
)  # fmt: skip
def test_what_was_not_measured_is_said_with_what_was(
    asked: tuple[str, int, str, ActivationDelays], message: str
) -> None:
    with pytest.raises(InputError) as refused:
        MADE.find(*asked)
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize("best", [0.0, -1.0, 1.5])
def test_a_share_is_a_share(best: float) -> None:
    with pytest.raises(InputError, match="`best` must be a number above 0 and at most 1"):
        BOXES[0].mean_of_best(best)


# Carried out


def test_groups_carried_out_are_as_good_as_their_box() -> None:
    """Means over groups, of steps that all go wrong; the error of 40 groups is some 4 points."""
    for name, size in (("maj3", 4), ("maj5", 32)):
        measured = Measured(MADE)
        shares = [
            always_right(PRIMITIVES[name], size, measured, trials=40, columns=512, seed=seed)[0]
            for seed in range(40)
        ]
        box = measured.box(PRIMITIVES[name], size)
        assert box is not None
        spread = np.std([box.success(u) for u in np.linspace(0, 1, 1001)]) / 40**0.5
        assert np.mean(shares) == pytest.approx(box.mean, abs=3 * spread + 0.01)


def test_screened_groups_are_better() -> None:
    pick = PRIMITIVES["maj3"]
    delays = ActivationDelays(1.5, 1.5)
    for best, least in ((1.0, 0.0), (0.5, 0.95)):
        measured = Measured(MADE, majority=delays, best=best)
        shares = [
            always_right(pick, 4, measured, trials=12, columns=256, seed=seed)[0]
            for seed in range(20)
        ]
        assert min(shares) >= least
        assert (min(shares) < 0.05) == (best == 1.0)


def test_published_mean_rates_are_met_by_results_and_not_by_bitlines() -> None:
    for one in mean_rates():
        bitlines, results = always_right(
            PRIMITIVES[one.op], one.size, Measured(MADE), trials=30, columns=1024, seed=1
        )
        expected = one.mean_success_pct / 100
        assert results == pytest.approx(expected, abs=0.01)
        assert bitlines < min(0.7, results)


def test_a_seed_draws_the_same_chip_again() -> None:
    one, again, other = (
        always_right(PRIMITIVES["maj7"], 32, Measured(MADE), trials=3, columns=256, seed=seed)
        for seed in (5, 5, 6)
    )
    assert one == again != other


def test_an_operation_without_a_number_is_refused() -> None:
    with pytest.raises(InputError, match="success of `and 4` must be one that was published"):
        Measured(MADE).chip(PRIMITIVES["and"], 4, np.random.default_rng(0))
