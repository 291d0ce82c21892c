"""Which rows of a subarray an ACT, PRE, ACT with violated delays opens.

A row address is divided into fields. Each has its own predecoder, which latches its value. If the
second ACTIVATE comes before the PRECHARGE has taken effect, each latch keeps both values. Then
every row opens in which each field has the value of one of the two addresses: 2^k rows, if k fields
differ.

Sources: the hierarchical decoder that Yuksel et al. suppose (Simultaneous Many-Row Activation in
Off-the-Shelf DRAM Chips, DSN 2024, section 7.1: nine low address bits, five predecoders); PULSAR
(Yuksel et al., 2023, section 3.2: rows 256 and 287 open 256, 257, 262, 263, 280, 281, 286, 287).
In subarrays with 1,024 rows, the tenth bit is a field of its own: an SK hynix module opens 16 rows
for 24 and 588 (pcdeni/CaSA, docs/explainer: 1,691 of 1,691 rows on each of two SK hynix modules
follow the rule, but only 19 % of the trials on Micron's). Not all chips follow this rule.

>>> RowDecoder(512).opened(256, 287)
(256, 257, 262, 263, 280, 281, 286, 287)
>>> len(RowDecoder(512).opened(127, 128))
32
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from pimsim.documents import shown
from pimsim.errors import InputError

FIELDS = (1, 2, 2, 2, 2)
"""Address bits of each predecoder, from the lowest on; see the module. Each higher bit is a
field."""
ROWS = (2, 4, 8, 16, 32)
"""Rows that were opened at once (Yuksel et al., DSN 2024)."""
CLONE_GAP_NS = 6.0
"""If at least this time passes from PRECHARGE to the second ACTIVATE, only the two named rows open:
three of three trials on an SK hynix module were clean from 6 ns on, and none below (pcdeni/CaSA,
docs/explainer)."""


def require_rows(rows: int) -> int:
    """Return how many rows are opened.

    Raises :class:`~pimsim.errors.InputError` unless it is one of :data:`ROWS`.

    >>> require_rows(12)
    Traceback (most recent call last):
    ...
    pimsim.errors.InputError: `rows` must be one of 2, 4, 8, 16, 32, powers of two, not 12
    """
    if type(rows) is not int or rows not in ROWS:
        listed = ", ".join(map(str, ROWS))
        raise InputError(f"`rows` must be one of {listed}, powers of two, not {shown(rows)}")
    return rows


@dataclass(frozen=True)
class RowDecoder:
    """The decoder of a subarray.

    Raises :class:`~pimsim.errors.InputError` unless ``rows`` is a power of two of at least 512.
    """

    rows: int = 512
    """Row addresses of the subarray."""

    def __post_init__(self) -> None:
        least = 1 << sum(FIELDS)
        if type(self.rows) is not int or self.rows < least or self.rows & (self.rows - 1):
            raise InputError(
                f"rows of a subarray must be a power of two of at least {least}, not {self.rows!r}"
            )

    @cached_property
    def masks(self) -> tuple[int, ...]:
        """Address bits of each field."""
        found, at = [], 0
        more = (self.rows.bit_length() - 1) - sum(FIELDS)
        for width in (*FIELDS, *[1] * more):
            found.append(((1 << width) - 1) << at)
            at += width
        return tuple(found)

    def opened(self, first: int, second: int) -> tuple[int, ...]:
        """Return the rows that two addresses open together, in order.

        Raises :class:`~pimsim.errors.InputError` for an address that the subarray does not have.
        """
        for address in (first, second):
            if type(address) is not int or not 0 <= address < self.rows:
                raise InputError(f"row must be 0 to {self.rows - 1}, not {address!r}")
        choices = [tuple({first & mask, second & mask}) for mask in self.masks]
        return tuple(sorted(sum(fields) for fields in product(*choices)))

    def partner(self, first: int, rows: int) -> int:
        """Return the address that opens so many rows together with ``first``; 1 is ``first``.

        >>> RowDecoder().partner(0, 4)  # bits 0, 1 and 2 change: two fields
        7
        """
        if rows == 1:
            return first
        changed = self.masks[: require_rows(rows).bit_length() - 1]
        return first ^ sum(changed)

    def groups(self, rows: int) -> Iterator[int]:
        """Return the first rows of groups that share no row, and fill the subarray.

        >>> len(list(RowDecoder().groups(32))), list(RowDecoder().groups(4))[:4]
        (16, [0, 2, 8, 10])
        """
        seen: set[int] = set()
        for first in range(self.rows):
            if first not in seen:
                seen.update(self.opened(first, self.partner(first, rows)))
                yield first

    def corner(self, first: int, rows: int, index: int) -> int:
        """Return row number ``index`` of a group; bit j of the index stands for field j.

        >>> [RowDecoder().corner(0, 4, index) for index in range(4)]
        [0, 1, 6, 7]
        """
        changed = self.masks[: rows.bit_length() - 1]
        if not 0 <= index < rows:
            raise InputError(f"`index` must be 0 to {rows - 1}, not {index!r}")
        return first ^ sum(mask for bit, mask in enumerate(changed) if index >> bit & 1)
