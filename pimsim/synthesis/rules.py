"""What a compiled search works with: places of fields, sources, destinations, prices, as arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Ints = NDArray[np.int64]

FIXED, HELD, MAJORITY, ROW = range(4)
"""Kinds of sources: a row that is only read; cells that agree; three or more; an output's row."""
COLUMNS, INPUTS, ROW_INPUTS, STORE_COST, LEAST_COST, END_NEEDS, WANTED = range(7)
"""Of the plain numbers: bits of a truth table; inputs; those in rows that are only read, as bits;
least cost of a command that stores, and of any; inputs on which cells at the end depend; and from
there on the truth tables of these cells, and their complements."""
WORD, SHIFT, MASK, HELD_INPUT, NEEDS, FIRST_STATE, STATES, TABLES = range(8)
"""Of a field: where it is. Of an output's also what it takes; the input that its row holds before,
as a bit; inputs on which it depends; the first value at which its row may be read, and the number
of values; and from there on what the row holds at each."""
KIND, LINES, ANY_SHORTED, TABLE, CELLS = range(5)
"""Of a source: its kind; its cells, or the output; whether some destination would short a cell;
the truth table of a fixed row; and from there on each cell, and what it is complemented with."""


class Rules(NamedTuple):
    """What the compiled search works with: F cells, O outputs, S sources, D destinations."""

    plain: Ints
    """See :data:`COLUMNS`."""
    cells: Ints
    """(F, 2) word and shift of every cell and scratch row."""
    outputs: Ints
    """(O, ...) every stored output, see :data:`WORD`."""
    sources: Ints
    """(S, ...), see :data:`KIND`."""
    drives: Words
    """(D + S, W, 3) for destinations, then for sources that overwrite their cells: bits kept, and
    factors that spread a truth table, and its complement."""
    targets: Ints
    """(D,) output that is driven, or -1."""
    touched: Ints
    """(D, 1 + S) how many sources sense a cell that is driven, and which."""
    prices: Ints
    """(S, D) of each command; 0 where there is none."""
    goal: Words
    """(endings, W, 2) bits that matter, and what they must be."""
    names: Words
    """(symmetries, truth tables) every truth table renamed; the first symmetry is none."""
    values: Ints
    """(symmetries, O, values) every value of an output's field renamed."""
