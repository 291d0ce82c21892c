"""Intervals of counts, and the failure table that a network's rows can be given."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

from pimsim.circuit.failure_tables.from_circuit import tabulate
from pimsim.circuit.failure_tables.table import Entry, Estimate, FailureTable, Rate
from pimsim.circuit.model import parameters, variation
from pimsim.circuit.statistics.intervals import clopper_pearson
from pimsim.circuit.statistics.monte_carlo import Sampling
from pimsim.errors import InputError

CIRCUIT = parameters.load("rambus55")
AMBIT = variation.load("ambit-like")


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_is_that_of_scipy(pair: tuple[int, int]) -> None:
    wrong, trials = pair
    exact = scipy.stats.binomtest(wrong, trials).proportion_ci(0.95, "exact")
    assert clopper_pearson(wrong, trials) == pytest.approx((exact.low, exact.high), abs=1e-9)


def test_the_table_has_every_number_of_ones_and_comes_back_from_json(tmp_path: Path) -> None:
    table = tabulate(CIRCUIT, AMBIT, [(1, 1), (3, 3), (3, 4)], 20.0, Sampling(5000, 1))
    kinds = [(entry.rows, entry.ones, entry.halves) for entry in table.entries]
    assert kinds == [
        (1, 0, 0), (1, 1, 0), (3, 0, 0), (3, 1, 0), (3, 2, 0), (3, 3, 0),
        (4, 0, 1), (4, 1, 1), (4, 2, 1), (4, 3, 1),
    ]  # fmt: skip
    assert table.probability(3, 2) > table.probability(4, 3)
    assert table.provenance["seed"] == 1
    assert table.provenance["parameters"]["cell.capacitance_ff"] == 22.0
    assert [one["quantity"] for one in table.provenance["process"]["varied"]] == [
        one.quantity
        for one in AMBIT.varied
        if one.quantity != "cell.retention"  # no time passed
    ]
    path = tmp_path / "table.json"
    path.write_text(table.to_json(), "utf-8")
    assert FailureTable.read(path) == table
    low, high = table.entry(3, 2).interval()
    assert low < table.probability(3, 2) < high
    written = json.loads(table.to_json())["entries"][4]
    assert (written["probability"], written["low"], written["high"]) == (
        table.probability(3, 2), low, high,
    )  # fmt: skip


def test_copies_of_operands_are_counted_as_cells() -> None:
    table = tabulate(CIRCUIT, AMBIT, [(5, 32)], 20.0, Sampling(100, 1))
    kinds = [(entry.rows, entry.ones, entry.halves) for entry in table.entries]
    assert kinds == [(32, 6 * ones, 2) for ones in range(6)]


ENTRY = Entry(rows=3, ones=2, halves=0, trials=100, wrong=57, bitlines=50, always_wrong=1)
RATE = Estimate(rows=2, ones=2, halves=0, static=0.25, access=0.5, low=0.6, high=0.7, kind="copy")
GOOD = json.loads(FailureTable((ENTRY, RATE), {"seed": 1}).to_json())
COUNTED, ESTIMATED = GOOD["entries"]


def test_what_is_to_blame_is_told_apart() -> None:
    table = FailureTable((ENTRY, RATE), {})
    assert table.kinds == {"sense", "copy"}
    assert table.rate("sense", 3, 2) == Rate(0.02, pytest.approx((0.57 - 0.02) / 0.98))
    assert table.rate("copy", 2, 2) == Rate(0.25, 0.5)
    assert table.probability(2, 2, "copy") == 0.625
    always = Entry(rows=1, ones=1, halves=0, trials=8, wrong=8, bitlines=4, always_wrong=4)
    assert always.rate == Rate(1.0, 0.0)


def test_driving_never_fails_where_a_table_says_nothing_of_it() -> None:
    table = FailureTable((RATE,), {})
    assert table.rate("not", 1, 0) == Rate(0.0, 0.0)
    for kind, rows, ones in (("copy", 1, 1), ("copy", 2, 0), ("sense", 1, 1)):
        with pytest.raises(
            InputError,
            match=f"^the failure table has no entry of {rows} rows and {ones} ones of the kind "
            f"{kind}$",
        ):
            table.rate(kind, rows, ones)
    with pytest.raises(InputError, match=r"^`kind` must be one of sense, copy, not, not 'xor'$"):
        table.rate("xor", 1, 1)


def test_a_table_of_the_first_format_is_all_of_sensing() -> None:
    row = {key: value for key, value in COUNTED.items() if key != "kind"}
    first = {"format": "pimsim failure table 1", "entries": [row], "provenance": {}}
    table = FailureTable.from_json(json.dumps(first))
    assert table == FailureTable((ENTRY,), {})
    assert json.loads(table.to_json())["format"] == "pimsim failure table 2"


SHARES = st.one_of(st.floats(0.0, 1.0), st.floats(0.0, 1e-9))


@st.composite
def estimates(draw: st.DrawFn) -> Estimate:
    kind = draw(st.sampled_from(("sense", "copy", "not")))
    rows = draw(st.integers(1, 32))
    ones = draw(st.integers(0, rows) if kind == "sense" else st.sampled_from((0, rows)))
    halves = draw(st.integers(0, rows - ones)) if kind == "sense" else 0
    static, access = draw(SHARES), draw(SHARES)
    one = Estimate(rows, ones, halves, static, access, kind=kind, source=draw(st.text()))
    if draw(st.booleans()):
        return one
    low = draw(st.floats(0.0, one.probability))
    high = draw(st.floats(one.probability, 1.0))
    return replace(one, low=low, high=high, level=draw(st.sampled_from((None, 0.5, 0.99))))


@given(st.lists(estimates(), unique_by=lambda one: (one.kind, one.rows, one.ones)))
def test_estimates_come_back_from_json(entries: list[Estimate]) -> None:
    table = FailureTable(tuple(entries), {"why": ["a", 1.5, None]})
    assert FailureTable.from_json(table.to_json()) == table


def _with(**changes: object) -> str:
    return json.dumps(GOOD | {"entries": [COUNTED | changes]})


def _rate(**changes: object) -> str:
    return json.dumps(GOOD | {"entries": [ESTIMATED | {"probability": 0.625} | changes]})


def _without(row: dict[str, object], key: str) -> str:
    return json.dumps(GOOD | {"entries": [{k: v for k, v in row.items() if k != key}]})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1", "t is not a JSON file: Expecting ',' delimiter: line 1 column 3 (char 2)"),
        ("[]", 't must be a JSON object with "format": "pimsim failure table 2"'),
        (json.dumps(GOOD | {"format": "pimsim failure table 3"}),
         't must be a JSON object with "format": "pimsim failure table 2"'),
        ("[" * 100_000, "t must not be nested as deeply as it is"),
        ('{"format": 1, "format": 1}', "t must have every key once, not 'format' twice"),
        (json.dumps({"format": GOOD["format"]}),
         "t must have a list `entries` and an object `provenance`"),
        (json.dumps(GOOD | {"entry": []}),
         "t has the unknown key `entry`; did you mean `entries`?"),
        (json.dumps(GOOD | {"entries": [7]}), "t: entry 0 must be an object, not 7"),
        (json.dumps(GOOD | {"entries": [{"rows": 3}]}),
         "t: entry 0 must have kind, rows, ones, halves, trials, wrong, bitlines, always_wrong, "
         "or static and access in place of counts"),
        (_without(ESTIMATED, "access"),
         "t: entry 0 must have kind, rows, ones, halves, static, access"),
        (_without(COUNTED, "kind"),
         "t: entry 0 must have kind, rows, ones, halves, trials, wrong, bitlines, always_wrong, "
         "or static and access in place of counts"),
        (_with(wrong=101), "t: entry 0: `wrong` must be at most `trials` (100), not 101"),
        (_with(always_wrong=29),
         "t: entry 0: `wrong` must be at least 58, the accesses to bitlines that are always wrong, "
         "not 57"),
        (_with(ones=4), "t: entry 0: `rows` must be at least 1 and `ones` + `halves` (4), not 3"),
        (_with(trials="100"), "t: entry 0: `trials` must be an integer of at least 0, not '100'"),
        (_with(trials=True), "t: entry 0: `trials` must be an integer of at least 0, not True"),
        (_with(trials=10**20),
         "t: entry 0: `trials` must be at most 9223372036854775807, not a larger integer"),
        (_with(trials=10**50), "t must have no integer of 51 digits"),
        (_with(probability=0.5),
         "t: entry 0: `probability` must be 0.57, which follows from the rest, not 0.5"),
        (_with(probability="x" * 99),
         "t: entry 0: `probability` must be a number, not "
         "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx..."),
        (_with(trails=100), "t: entry 0 has the unknown key `trails`; did you mean `trials`?"),
        (_with(kind="read"), "t: entry 0: `kind` must be one of sense, copy, not, not 'read'"),
        (_with(kind="copy"),
         "t: entry 0: `ones` must be 0 or `rows` (3) and `halves` 0 for the kind copy, "
         "not 2 and 0"),
        (_rate(static=1.5), "t: entry 0: `static` must be a probability from 0 to 1, not 1.5"),
        (_rate(access=-1e-9), "t: entry 0: `access` must be a probability from 0 to 1, not -1e-09"),
        (_rate(access=None), "t: entry 0: `access` must be a probability from 0 to 1, not None"),
        (_rate(access=True), "t: entry 0: `access` must be a probability from 0 to 1, not True"),
        (_rate(static="0.1"), "t: entry 0: `static` must be a probability from 0 to 1, not '0.1'"),
        (_rate(access=math.nan), "t must have no number NaN"),
        (_rate(access=math.inf), "t must have no number Infinity"),
        (_rate(access=0.25).replace("0.25,", "1e999,"),
         "t must have no number beyond 1e308, as '1e999' is"),
        (_rate(low=0.65),
         "t: entry 0: `low` to `high` must hold the probability 0.625, not 0.65 to 0.7"),
        (_rate(high=0.61),
         "t: entry 0: `low` to `high` must hold the probability 0.625, not 0.6 to 0.61"),
        (_rate(high=None),
         "t: entry 0: `low` must be left out without the whole interval `low` to `high`, not 0.6"),
        (_rate(level=95), "t: entry 0: `level` must be between 0 and 1, not 95"),
        (_rate(source=3), "t: entry 0: `source` must be a text, not 3"),
        (json.dumps(GOOD | {"entries": [COUNTED] * 2}),
         "t: entries must be one of a kind, not two of 3 rows and 2 ones"),
        (json.dumps(GOOD | {"entries": [ESTIMATED] * 2}),
         "t: entries must be one of a kind, not two of 2 rows and 2 ones of the kind copy"),
    ],
)  # fmt: skip
def test_a_bad_table_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        FailureTable.from_json(text, "t")


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@given(st.sampled_from((COUNTED, ESTIMATED)), st.data())
def test_whatever_an_entry_holds_is_read_or_refused(
    row: dict[str, object], data: st.DataObject
) -> None:
    key = data.draw(st.sampled_from(sorted(row)))
    text = json.dumps(GOOD | {"entries": [row | {key: data.draw(JUNK)}]})
    try:
        table = FailureTable.from_json(text)
    except InputError as error:
        refusal = str(error)
    else:
        refusal = ""
        assert 0.0 <= table.entries[0].probability <= 1.0
    assert "\n" not in refusal
    assert len(refusal) < 300


def test_a_file_that_is_no_text_or_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    path.write_bytes(b"\xff{}")
    with pytest.raises(InputError, match=r"table.json' is not a JSON file: not UTF-8$"):
        FailureTable.read(path)
    path.write_bytes(b" " * ((8 << 20) + 1))
    with pytest.raises(InputError, match=r"table.json' must be at most 8 MiB, which it exceeds$"):
        FailureTable.read(path)
    with pytest.raises(InputError, match=r"cannot be read: Is a directory$"):
        FailureTable.read(tmp_path)


def test_a_provenance_that_is_no_json_is_not_written() -> None:
    for value in (math.nan, object()):
        with pytest.raises(InputError, match=r"^`provenance` must consist of JSON values: "):
            FailureTable((ENTRY,), {"value": value}).to_json()
