"""Read disturbance: rows beside one another, exposures, windows of time, classes of chips."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pimsim.dram.array import address_map
from pimsim.dram.array.faults import Site
from pimsim.dram.disturbance import chip_classes, weak_cells
from pimsim.dram.disturbance.exposure import ENDLESS, Exposure, beside, exposed
from pimsim.dram.disturbance.hammer import Hammer, Neighbours
from pimsim.dram.disturbance.row_order import RowOrder
from pimsim.dram.disturbance.window import Span, most_in
from pimsim.errors import InputError

ROWS = 40
MAPS = address_map.names()


@pytest.mark.parametrize("name", MAPS)
def test_every_wordline_has_one_place(name: str) -> None:
    rows = address_map.load(name)
    order = RowOrder.of(rows, ROWS)
    assert len(set(order.labels)) == len(order.labels)
    assert len(order.labels) == rows.hardware["wordlines"] + ROWS - rows.first_constant
    for address, (label, _) in enumerate(rows.addresses):
        assert [order.labels[place] for place in order.raised[address]] == list(rows.raised(label))
        cells = {order.labels[place].strip("!") for place in order.raised[address]}
        assert {order.labels[place].strip("!") for place in order.restored[address]} == cells
    assert order.labels[len(order.cells)] == rows.label(rows.first_constant)


def naive(commands: list[tuple[int, int]], order: RowOrder) -> dict[str, list[int]]:
    """Row after row in plain Python: every interval between two openings is kept."""
    places = range(len(order.labels))
    acts, since = [0] * len(places), [[0, 0] for _ in places]
    intervals: list[list[tuple[int, int]]] = [[] for _ in places]
    for address in (one for command in commands for one in command if one >= 0):
        if address < order.first_constant:
            raised, restored = order.raised[address], order.restored[address]
        else:
            raised = restored = (int(order.stored[address - order.first_constant]),)
        for place in raised:
            acts[place] += 1
            if place + 1 in places:
                since[place + 1][0] += 1
            if place - 1 in places:
                since[place - 1][1] += 1
        for place in restored:
            intervals[place].append((since[place][0], since[place][1]))
            since[place] = [0, 0]
    for place in places:
        intervals[place].append((since[place][0], since[place][1]))
    return {
        "acts": acts,
        "restores": [len(some) - 1 for some in intervals],
        "pair": [max(min(one) for one in some) for some in intervals],
        "one": [max(max(one) for one in some) for some in intervals],
    }


commands = st.lists(st.tuples(st.integers(0, ROWS - 1), st.integers(-1, ROWS - 1)), max_size=60)


def _array(some: list[tuple[int, int]]) -> np.ndarray:
    return np.array(some, np.int16).reshape(-1, 2)


@given(
    name=st.sampled_from(MAPS),
    pieces=st.lists(st.tuples(commands, st.integers(0, 5)), min_size=1, max_size=4),
)
@settings(max_examples=60, deadline=None)
def test_pieces_put_together_are_the_whole(
    name: str, pieces: list[tuple[list[tuple[int, int]], int]]
) -> None:
    order = RowOrder.of(address_map.load(name), ROWS)
    found, every = Exposure.none(len(order.labels)), []
    for some, times in pieces:
        found = found.then(exposed(_array(some), order).repeated(times))
        every += some * times
    expected = naive(every, order)
    pair, one = found.worst(again=False)
    assert found.acts.tolist() == expected["acts"]
    assert found.restores.tolist() == expected["restores"]
    assert pair.tolist() == expected["pair"]
    assert one.tolist() == expected["one"]


@given(some=commands)
@settings(max_examples=40, deadline=None)
def test_repeated_without_end_no_interval_is_longer_than_two_rounds_have(
    some: list[tuple[int, int]],
) -> None:
    order = RowOrder.of(address_map.ambit(), ROWS)
    whole = exposed(_array(some), order)
    pair, one = whole.worst(again=True)
    opened = whole.restores > 0
    three = naive(some * 3, order)
    # The ends of three rounds are cut off; what is in between is all that can be.
    assert (one[opened] >= np.array(three["one"])[opened]).all()
    assert (pair[opened] >= np.array(three["pair"])[opened]).all()
    assert set(one[~opened].tolist()) <= {0, ENDLESS}
    assert ((one == ENDLESS) == (~opened & (beside(whole.acts).sum(axis=0) > 0))).all()


def test_a_row_that_is_hammered_disturbs_its_neighbours_and_not_itself() -> None:
    order = RowOrder.of(address_map.ambit(), ROWS)
    first = address_map.ambit().first_data
    both = exposed(_array([(first + 4, -1), (first + 6, -1)]), order).repeated(5_000)
    pair, one = both.worst(again=False)
    place = order.labels.index("D5")
    assert (pair[place], one[place]) == (5_000, 5_000)
    assert (pair[place - 1], one[place - 1]) == (0, 0)  # restored each time
    assert (pair[place + 2], one[place + 2]) == (0, 5_000)  # on one side


@given(
    counts=st.lists(st.integers(0, 50), min_size=1, max_size=5),
    gaps=st.lists(st.tuples(st.integers(0, 20), st.integers(1, 20)), min_size=5, max_size=5),
    window=st.integers(1, 200),
    again=st.booleans(),
)
def test_the_worst_window_is_found(
    counts: list[int], gaps: list[tuple[int, int]], window: int, again: bool
) -> None:
    """Against every window that begins at a whole number."""
    spans, now = [], 0
    for gap, length in gaps[: len(counts)]:
        spans.append(Span(now + gap, now + gap + length))
        now += gap + length
    rate = np.zeros(now)
    for count, span in zip(counts, spans, strict=True):
        rate[int(span.start_ps) : int(span.end_ps)] += count / (span.end_ps - span.start_ps)
    line = np.tile(rate, 2 + window // now) if again else np.pad(rate, window)
    total = np.concatenate([[0.0], np.cumsum(line)])
    expected = (total[window:] - total[:-window]).max()
    (found,) = most_in(np.array(counts)[:, None], spans, window, now, again=again)
    assert expected - 1e-6 <= found <= expected + 1.0


def test_bundled_chips_are_as_measured() -> None:
    chips = chip_classes.bundled()
    assert [chip.hc_double_sided for chip in chips] == sorted(c.hc_double_sided for c in chips)
    assert (chips[0].hc_double_sided, chips[-1].hc_double_sided) == (5_000, 21_000)
    assert all("VTS 2025" in chip.source for chip in chips)
    assert len({chip.name for chip in chips}) == 12
    for chip in chips:
        assert chip_classes.load(chip.name) == (chip,)
        assert chip.share(chip.hc_double_sided, chip.hc_double_sided) == 1.0
        assert chip.share(0, chip.hc_single_sided) == 1.0


HEAD = "name,hc_double_sided,hc_single_sided"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "mine.csv, line 1 must have the columns name, hc_double_sided, hc_single_sided once "
         "each, and has 0 of `name`"),
        ("name,hc_double_sided\na,1\n",
         "mine.csv, line 1 must have the columns name, hc_double_sided, hc_single_sided once "
         "each, and has 0 of `hc_single_sided`"),
        (f"{HEAD},name\na,1,1,b\n",
         "mine.csv, line 1 must have the columns name, hc_double_sided, hc_single_sided once "
         "each, and has 2 of `name`"),
        (f"{HEAD}\n", "mine.csv, line 2 must have a class of chips below the header"),
        (f"{HEAD}\na,5000,9000\n\nb,5000\n", "mine.csv, line 4 must have 3 values, not 2"),
        (f"{HEAD}\na,5e3,9000\n", "mine.csv, line 2: `hc_double_sided` must be an integer from 1 "
         "to 1,000,000,000, not '5e3'"),
        (f"{HEAD}\na,5000,-1\n", "mine.csv, line 2: `hc_single_sided` must be an integer from 1 "
         "to 1,000,000,000, not '-1'"),
        (f"{HEAD}\na,0,1\n", "mine.csv, line 2: `hc_double_sided` must be an integer from 1 "
         "to 1,000,000,000, not '0'"),
        (f"{HEAD}\na,5000,4000\n", "mine.csv, line 2: `hc_single_sided` must be at least "
         "`hc_double_sided` (5,000), not 4,000"),
        (f"{HEAD}\na,1,1\na,2,2\n",
         "mine.csv, line 3: `name` must be a text of its own of 1 to 64 letters, not 'a'"),
        (f"{HEAD}\n,1,1\n",
         "mine.csv, line 2: `name` must be a text of its own of 1 to 64 letters, not ''"),
        (f'{HEAD}\n"a,1,1\n', "mine.csv is not a CSV file: line 2: unexpected end of data"),
    ],
)  # fmt: skip
def test_bad_files_are_refused_by_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError) as caught:
        chip_classes.load(path)
    assert str(caught.value) == message


def test_files_of_ones_own_are_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(f"source,{HEAD}\n\nmy lab, x ,100,200\n,y,50,50\n", "utf-8")
    one, other = chip_classes.load(path)
    assert (one.name, one.hc_double_sided, one.hc_single_sided, one.source) == (
        "x", 100, 200, "my lab",
    )  # fmt: skip
    assert other.source == "stated by mine.csv, line 4"
    with pytest.raises(InputError, match=re.escape("cannot be read: No such file or directory")):
        chip_classes.load(tmp_path / "none.csv")


@pytest.mark.parametrize("guards", [1, 3])
@pytest.mark.parametrize("name", MAPS)
def test_guard_rows_lie_beside_compute_rows_and_constants(name: str, guards: int) -> None:
    rows = address_map.load(name)
    order, plain = RowOrder.of(rows, ROWS, guards), RowOrder.of(rows, ROWS)
    assert len(set(order.labels)) == len(order.labels) == len(plain.labels)
    empty = {order.labels[place] for place in order.guards}
    assert len(empty) == 2 * guards
    compute, data = len(order.cells), order.first_data
    assert {*order.labels[compute : compute + guards], *order.labels[data - guards : data]} == empty
    for address in range(rows.first_constant, ROWS - 2 * guards):
        place = int(order.stored[address - rows.first_constant])
        assert order.labels[place] == rows.label(address)
        assert order.address(place) == address


def _losses(
    some: list[tuple[int, int]], order: RowOrder, chip: chip_classes.ChipClass
) -> list[Any]:
    """Command by command in plain Python: what rows that are opened have had beside them."""
    since, found, seen = [[0, 0] for _ in order.labels], [], set()
    for number, command in enumerate(some):
        for side, address in enumerate(command):
            if address < 0:
                continue
            if address < order.first_constant:
                raised, cells = order.raised[address], order.restored[address]
            else:
                raised = cells = (int(order.stored[address - order.first_constant]),)
            for place in raised:
                for other, which in ((place + 1, 0), (place - 1, 1)):
                    if 0 <= other < len(since):
                        since[other][which] += 1
            for place in cells:
                pair, one = min(since[place]), max(since[place])
                constant = len(order.cells) <= place < order.first_data
                first = constant and place not in seen
                if side == 0 and (first or chip.share(pair, one) >= weak_cells.SAFE):
                    found.append((number, place, tuple(since[place]), first))
                since[place] = [0, 0]
                seen.add(place)
    return found


@given(name=st.sampled_from(MAPS), some=commands, cut=st.integers(0, 60), guards=st.integers(0, 2))
@settings(max_examples=60, deadline=None)
def test_losses_are_those_of_every_command(
    name: str, some: list[tuple[int, int]], cut: int, guards: int
) -> None:
    """Told of all at once or in two goes, against a walk in plain Python."""
    order = RowOrder.of(address_map.load(name), ROWS, guards)
    chip = chip_classes.ChipClass("x", 2, 4)
    some = [one for one in some if max(one) < ROWS - 2 * guards]  # nothing names a guard row
    told = np.array([(number, 0, *one) for number, one in enumerate(some)]).reshape(-1, 4)
    beside = Neighbours(Hammer(chip, order, most=10**6))
    found = beside.take(told[:cut]) + beside.take(told[cut:])
    simple = [(one.command, one.place, one.beside, one.first) for one in found]
    assert simple == _losses(some, order, chip)


def test_more_cells_of_a_row_flip_the_more_it_has_beside_it() -> None:
    order = RowOrder.of(address_map.ambit(), ROWS)
    hammer = Hammer(chip_classes.bundled()[0], order, most=1_000, seed=7)
    site, before = Site(1, 2), np.zeros((2, 65_536), np.bool_)
    for share in (0.4, 1.0, 10.0, 100.0):
        lost = np.array(hammer.lost(site, 9, share, 65_536))
        assert (lost >= before).all()
        assert not lost.all(axis=0).any()  # a cell loses a one or a zero
        expected = weak_cells.shape().flipped(share)
        assert lost.mean(axis=1) == pytest.approx(expected, rel=0.1, abs=1e-4)
        before = lost
    again = np.array(hammer.lost(site, 9, 100.0, 1_000))
    assert (again == before[:, :1_000]).all()
    other = np.array(hammer.lost(Site(1, 3), 9, 100.0, 1_000))
    assert (other != again).any()
    assert hammer.share(10**9, 10**9) == hammer.share(1_000, 1_000)  # rows are refreshed


def test_the_curve_of_weak_cells_is_what_was_measured() -> None:
    """Within what modules differ: each median within 1.8, each share of flips within 2.7 times."""
    shape, firsts = weak_cells.shape(), {one.name: one for one in chip_classes.bundled()}
    points = weak_cells.measured()
    assert len({one.name for one in points}) == 11
    assert {one.stored for one in points} == {0, 1}
    for one in points:
        first = firsts[one.name].hc_double_sided
        assert 1 / 1.8 < one.hc_median / first / shape.median < 1.8
        flipped = shape.flipped(weak_cells.HAMMERS / first) * weak_cells.CELLS
        assert 1 / 2.7 < flipped / one.flips_500k_median < 2.7
    shares = np.geomspace(0.1, 1e4, 60)
    curve = [shape.flipped(share) for share in shares]
    assert curve == sorted(curve)
    assert curve[0] == 0.0
    assert curve[-1] < 1.0
