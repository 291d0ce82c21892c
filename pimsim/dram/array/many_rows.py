"""Majorities of three operands on more than three rows, and the wordlines that they raise.

>>> [(rows, operand_rows(rows), extra_sensed(3, rows)) for rows in ACTIVATION_ROWS]
[(3, 1, 2), (4, 1, 3), (8, 2, 7), (16, 5, 15), (32, 10, 31)]
"""

from __future__ import annotations

from pimsim.dram.array.address_map import DEFAULT_MAP, AddressMap

ACTIVATION_ROWS = (3, 4, 8, 16, 32)
"""Rows that an activation for a majority may open: Ambit's three, and those of real chips.

Chips open 4, 8, 16 or 32 rows at once. Of N rows, each of three operands takes N div 3, which makes
the swing on the bitline larger. Rows left over hold half the supply and add nothing. One activation
of many rows also writes all copies of an operand, so a program takes as many commands as with three
rows. Only the numbers of raised wordlines and of compute rows grow.

Source: Yuksel et al., "Simultaneous Many-Row Activation in Off-the-Shelf DRAM Chips", DSN 2024.
"""


def operand_rows(rows: int) -> int:
    """Rows that each of three operands stands on when ``rows`` are opened."""
    return rows // 3


def rows_taken(rows: int, address_map: AddressMap = DEFAULT_MAP) -> int:
    """Rows of a subarray that are needed beyond the map's: for copies, and rows left over.

    >>> [(n, operand_rows(n), rows_taken(n)) for n in ACTIVATION_ROWS]
    [(3, 1, 0), (4, 1, 1), (8, 2, 8), (16, 5, 25), (32, 10, 56)]
    """
    return (operand_rows(rows) - 1) * len(address_map.cells) + rows % 3


def extra_sensed(lines: int, rows: int) -> int:
    """Wordlines beyond the first that a first activation raises behind ``lines`` compute cells.

    To read a single operand, one copy is opened. For a majority, all rows are opened, including
    those left over.

    >>> extra_sensed(1, 8), extra_sensed(3, 8), extra_sensed(3, 3)
    (0, 7, 2)
    """
    if lines == 1:
        return 0
    return (rows if lines == 3 else lines * operand_rows(rows)) - 1


def extra_driven(lines: int, rows: int) -> int:
    """Wordlines beyond the first that a second activation raises: every copy is overwritten.

    >>> extra_driven(1, 8), extra_driven(3, 8), extra_driven(3, 3)
    (1, 5, 2)
    """
    return lines * operand_rows(rows) - 1
