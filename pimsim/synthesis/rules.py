"""The arrays of a compiled search: places of fields, sources, destinations and prices."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Ints = NDArray[np.int64]

FIXED, HELD, MAJORITY, ROW = range(4)
"""Kinds of sources: a row that is only read; cells that agree; three or more; an output's row."""
COLUMNS, INPUTS, ROW_INPUTS, STORE_COST, LEAST_COST, END_NEEDS, WANTED = range(7)
"""Places in :attr:`Rules.plain`: bits of a truth table; number of inputs; as bits, the inputs in
rows that are only read; least cost of a command that stores, and of any command; inputs on which
cells at the end depend; and from there on the truth tables of these cells, and their
complements."""
WORD, SHIFT, MASK, HELD_INPUT, NEEDS, FIRST_STATE, STATES, TABLES = range(8)
"""Places in a row of a field: its word and shift. For an output also: the mask of its field; the
input that its row holds before, as a bit; the inputs on which it depends; the first value at which
its row may be read, and the number of values; and from there on the content of the row at each
value."""
KIND, LINES, ANY_SHORTED, TABLE, CELLS = range(5)
"""Places in a row of a source: its kind; its number of cells, or the output; whether some
destination would short a cell; the truth table of a fixed row; and from there on each cell, and the
mask that it is complemented with."""


class Rules(NamedTuple):
    """Arrays of a compiled search with F cells, O outputs, S sources and D destinations."""

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
    """(S, D) cost of each command; 0 if there is no such command."""
    goal: Words
    """(endings, W, 2) bits that matter, and their values."""
    names: Words
    """(symmetries, truth tables) every truth table renamed; the first symmetry changes nothing."""
    values: Ints
    """(symmetries, O, values) every value of an output's field renamed."""
