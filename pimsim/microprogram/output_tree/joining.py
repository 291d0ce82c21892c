"""Joint adders in compiled code, alone and at the end of a chain.

See :mod:`~pimsim.microprogram.output_tree.joint`, whose programs these are.
"""

from __future__ import annotations

from pimsim.microprogram.output_tree.adding import (
    ADDERS,
    COMPLEMENTED,
    JOINTS,
    KINDS,
    PLAIN,
    START,
    TURNED,
    WAYS,
    Ints,
    Work,
    add_sorted,
    compiled,
    pop,
    put,
    sort_items,
    take,
    use,
)

_CHAINED = 1
"""Number of the joint adder that ends a chain."""


@compiled
def add_and_join(
    work: Work, items: Ints, count: int, z: int, carries: Ints, carried: int
) -> tuple[int, int, int, int]:
    """Add an even number of ``items``, the last of them and ``z`` by a joint adder.

    Returns the sum, its carries as :func:`chained` does, and how many others there are then.
    """
    sort_items(work, items, count)
    carried, _ = add_sorted(work, count // 2 - 1, carries, carried, True)
    y = pop(work, PLAIN if work.left[PLAIN] else COMPLEMENTED)
    total, carry, other = chained(work, y, z)
    use(work, y)
    use(work, z)
    return total, carry, other, carried


@compiled
def joint(work: Work, both: Ints, z: int) -> tuple[int, int, int]:
    """Write a joint adder of two items and ``z``; returns what :func:`chained` does."""
    x, y = both[0], both[1]
    if (x & 1) == (y & 1):
        put(work, work.table[WAYS + START * KINDS + TURNED])
        put(work, x >> 1)
        total, carry, other = chained(work, y, z)
    else:
        put(work, work.table[JOINTS])
        put(work, x >> 1)
        total, carry, other = _joint_rows(work, y, z, x & 1)
        work.state[ADDERS] += 1
    use(work, x)
    use(work, y)
    use(work, z)
    return total, carry, other


@compiled
def chained(work: Work, y: int, z: int) -> tuple[int, int, int]:
    """Write a joint adder of the running sum (complemented as ``y`` is), ``y`` and ``z``.

    Returns the items: sum, carry of all three, and that of them with ``z`` negative.
    """
    put(work, work.table[JOINTS] + _CHAINED)
    work.state[ADDERS] += 1
    return _joint_rows(work, y, z, y & 1)


@compiled
def _joint_rows(work: Work, y: int, z: int, held: int) -> tuple[int, int, int]:
    """Write the rows of a joint adder behind the first; ``held``: whether x is a complement."""
    one = take(work, 1)
    other = take(work, 1)
    total = take(work, 1)
    for row in (y >> 1, z >> 1, one, other, total):
        put(work, row)
    if (z & 1) == held:
        return 2 * total + 1 - held, 2 * one + held, 2 * other + 1 - held
    return 2 * total + held, 2 * other + 1 - held, 2 * one + held
