"""Intervals of counts, and the failure table that a network's rows can be given."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from pimsim.circuit import parameters, variation
from pimsim.circuit.failure_table import Entry, FailureTable
from pimsim.circuit.failures import tabulate
from pimsim.circuit.intervals import clopper_pearson
from pimsim.errors import InputError

CIRCUIT = parameters.load("rambus55")
AMBIT = variation.load("ambit-like")


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_is_that_of_scipy(pair: tuple[int, int]) -> None:
    wrong, trials = pair
    exact = binomtest(wrong, trials).proportion_ci(0.95, "exact")
    assert clopper_pearson(wrong, trials) == pytest.approx((exact.low, exact.high), abs=1e-9)


def test_the_table_has_every_number_of_ones_and_comes_back_from_json(tmp_path: Path) -> None:
    table = tabulate(CIRCUIT, AMBIT, [(1, 1), (3, 3), (3, 4)], 20.0, samples=5000, seed=1)
    kinds = [(entry.rows, entry.ones, entry.halves) for entry in table.entries]
    assert kinds == [
        (1, 0, 0), (1, 1, 0), (3, 0, 0), (3, 1, 0), (3, 2, 0), (3, 3, 0),
        (4, 0, 1), (4, 1, 1), (4, 2, 1), (4, 3, 1),
    ]  # fmt: skip
    assert table.probability(3, 2) > table.probability(4, 3)
    assert table.provenance["seed"] == 1
    assert table.provenance["parameters"]["cell.capacitance_ff"] == 22.0
    assert [one["quantity"] for one in table.provenance["process"]["varied"]] == [
        one.quantity for one in AMBIT.varied
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
    table = tabulate(CIRCUIT, AMBIT, [(5, 32)], 20.0, samples=100, seed=1)
    kinds = [(entry.rows, entry.ones, entry.halves) for entry in table.entries]
    assert kinds == [(32, 6 * ones, 2) for ones in range(6)]


ENTRY = Entry(rows=3, ones=2, halves=0, trials=100, wrong=7, bitlines=50, always_wrong=1)
GOOD = json.loads(FailureTable((ENTRY,), {}).to_json())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1", "failure table is not JSON: Expecting ',' delimiter: line 1 column 3 (char 2)"),
        ("[]", 'failure table must be a JSON object with "format": "pimsim failure table 1"'),
        (json.dumps({"format": GOOD["format"]}),
         "failure table must have a list `entries` and an object `provenance`"),
        (json.dumps(GOOD | {"entries": [{"rows": 3}]}),
         "failure table: entry 0 must have rows, ones, halves, trials, wrong, bitlines, "
         "always_wrong"),
        (json.dumps(GOOD | {"entries": [GOOD["entries"][0] | {"wrong": 101}]}),
         "failure table: entry 0: `wrong` must be at most `trials` (100), not 101"),
        (json.dumps(GOOD | {"entries": [GOOD["entries"][0] | {"ones": 4}]}),
         "failure table: entry 0: `rows` must be at least 1 and `ones` + `halves` (4), not 3"),
        (json.dumps(GOOD | {"entries": [GOOD["entries"][0] | {"trials": "100"}]}),
         "failure table: entry 0: `trials` must be an integer of at least 0, not '100'"),
        (json.dumps(GOOD | {"entries": GOOD["entries"] * 2}),
         "failure table: entries must be one of a kind, not two of 3 rows and 2 ones"),
    ],
)  # fmt: skip
def test_a_bad_table_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        FailureTable.from_json(text)
