"""Groups that were planned before, in other rows: what is renamed is what would be planned."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from pimsim.dram.array.address_map import ambit, load
from pimsim.errors import OutOfRowsError
from pimsim.microprogram import tape
from pimsim.microprogram.output_tree import group, known
from pimsim.microprogram.output_tree.group import FanIn, GroupPlan
from pimsim.microprogram.output_tree.tree import Tree, shaped
from pimsim.remembered import Known


def _fan_in(
    rng: np.random.Generator, signs: np.ndarray[Any, np.dtype[np.int8]], most: int
) -> list[FanIn]:
    """Parts of random sizes, their rows and those that are free anywhere, and not in order."""
    found = []
    for some in np.array_split(signs, rng.integers(1, 4)):
        rows = rng.permutation(np.arange(2, 1000))
        shared = rng.integers(0, 2)  # an operand may be counted twice, with another weight
        own = np.repeat(rows[: -(-len(some) // (1 + shared))], 1 + shared)[: len(some)]
        weights = np.resize(np.arange(1 + shared), len(some)).astype(np.int64)
        free = rows[len(some) : len(some) + int(rng.integers(1, most))]
        found.append(FanIn(some, own, weights, free))
    return found


def _told(plan: Any, *arguments: Any) -> Any:
    try:
        planned: GroupPlan = plan(*arguments)
    except OutOfRowsError as error:
        return str(error)
    return [_plain(getattr(planned, one.name)) for one in fields(planned)]


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    return [*map(_plain, value)] if isinstance(value, (list, tuple)) else value


@pytest.mark.parametrize("decides", [True, False])
@pytest.mark.parametrize("name", ["ambit", "three-dcc"])
def test_a_plan_that_is_renamed_is_the_one_that_would_be_made(
    name: str, decides: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "PLANS", Known(size_bytes=1 << 20))
    rng, address_map = np.random.default_rng(5), load(name)
    refused = made = 0
    for number in range(12):
        outputs = int(rng.integers(1, 9))
        signs = rng.choice(np.int8([-1, 1]), (41, outputs))
        if number % 3 == 0:  # ternary, an odd number of rows for each output
            signs[: 2 * outputs] *= np.repeat(1 - np.eye(outputs, dtype=np.int8), 2, axis=0)
        order = rng.permutation(outputs).tolist()
        tree: Tree = shaped(order)
        kappas = rng.integers(-3, 4, outputs) * 2
        for most in (6, 14, 60, 60, 200):
            parts = _fan_in(np.random.default_rng(most + number), signs, most)
            # what is counted, and kappa, are odd together
            odd = sum((np.abs(part.signs) << part.weights[:, None]).sum(axis=0) for part in parts)
            outs = 1100 + rng.permutation(outputs) if decides else None
            some = tree, parts, kappas + (np.asarray(odd) + 1) % 2, outs, address_map
            expected = _told(group.plan, *some)
            for _ in range(2):
                assert _told(known.plan, *some) == expected
            refused, made = refused + isinstance(expected, str), made + 1
    assert 0 < refused < made


def test_records_that_are_none_are_not_renamed() -> None:
    size, rows = tape.sizes(ambit()), np.arange(50)
    good = np.array([0, *range(2, 1 + size[0])], np.int32)
    assert tape.renamed(good, rows, ambit()).tolist() == good.tolist()
    for at, wrong in ((0, -1), (0, len(size)), (0, 1 << 30), (1, -1), (1, 50), (1, 1 << 30)):
        bad = good.copy()
        bad[at] = wrong
        with pytest.raises(ValueError, match="records must be of the table"):
            tape.renamed(bad, rows, ambit())
    with pytest.raises(ValueError, match="records must be of the table"):
        tape.renamed(good[:-1], rows, ambit())
