"""Compiled lower bounds: whether a state can still reach a goal within a limit of cost.

Each missing output needs a command that stores it. Each needed input on which no known value
depends needs a command that reads it. And if no missing output can be sensed yet, another command
must come first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pimsim.object_code import part
from pimsim.synthesis.commands import sense, unpack, value_of
from pimsim.synthesis.rules import (
    COLUMNS,
    END_NEEDS,
    HELD_INPUT,
    INPUTS,
    LEAST_COST,
    NEEDS,
    ROW_INPUTS,
    STATES,
    STORE_COST,
    TABLES,
    WANTED,
)

PRUNED, OPEN, DONE, NEAR = range(4)
"""What a state is: it cannot reach a goal; it may; it is a goal; or it may if a missing output can
be sensed at once."""

_LOW = (0x55555555, 0x33333333, 0x0F0F0F0F, 0x00FF00FF, 0x0000FFFF)
"""For each input, the columns of a truth table in which it is 0."""


@part
def lacking(plain: Any, cells: Any, needed: Any, present: Any, held: Any) -> Any:
    """Return as bits the needed inputs on which no known value depends."""
    unknown = np.uint64(1) << np.uint64(plain[COLUMNS])
    for one in range(plain[INPUTS]):
        bit = 1 << one
        if needed & ~present & bit:
            low, step = np.uint64(_LOW[one]) & (unknown - np.uint64(1)), np.uint64(bit)
            for at in range(len(cells)):
                table = held[at]
                if table < unknown and ((table >> step) ^ table) & low:
                    present |= bit
                    break
    return needed & ~present


@part
def lacks(plain: Any, outputs: Any, state: Any) -> Any:
    """Return which outputs in rows are missing, and the inputs they need.

    The number of missing outputs; then as bits: the inputs that these and cells at the end depend
    on, those that stored outputs depend on, and those in rows that can be read.
    """
    missing, needed, present, rows = 0, plain[END_NEEDS], 0, plain[ROW_INPUTS]
    for at in range(len(outputs)):
        if value_of(outputs, at, state) == 0:
            missing += 1
            needed |= outputs[at, NEEDS]
            rows |= outputs[at, HELD_INPUT]
        else:
            present |= outputs[at, NEEDS]
    return missing, needed, present, rows


@part
def is_wanted(plain: Any, outputs: Any, state: Any, missing: Any, table: Any) -> Any:
    """Return whether a truth table is that of a missing output."""
    value = np.int64(table)
    for at in range(WANTED, len(plain)):
        if missing == 0 and plain[at] == value:
            return True
    for at in range(len(outputs)):
        if value_of(outputs, at, state) == 0:
            for accepted in range(1, outputs[at, STATES]):
                if outputs[at, TABLES + accepted] == value:
                    return True
    return False


@part
def find_useful(
    plain: Any, outputs: Any, sources: Any, state: Any, held: Any, missing: Any, useful: Any
) -> Any:
    """Mark in ``useful`` the sources with the value of a missing output; return their number."""
    count = 0
    for source in range(len(sources)):
        table = sense(plain, sources, outputs, source, state, held)
        useful[source] = is_wanted(plain, outputs, state, missing, table)
        count += useful[source]
    return count


@part
def still_useful(
    rules: Any, touched: Any, state: Any, held: Any, missing: Any, useful: Any, count: Any
) -> Any:
    """Return whether a source is useful after cells of the ``touched`` sources were driven.

    ``useful`` and ``count`` are those of :func:`find_useful` before that command.
    """
    for at in range(1, 1 + touched[0]):
        count -= useful[touched[at]]
    if count > 0:
        return True
    for at in range(1, 1 + touched[0]):
        table = sense(rules.plain, rules.sources, rules.outputs, touched[at], state, held)
        if is_wanted(rules.plain, rules.outputs, state, missing, table):
            return True
    return False


@part
def is_goal(goal: Any, state: Any) -> Any:
    """Return whether cells are as they must be at the end."""
    for at in range(len(goal)):
        met = True
        for word in range(len(state)):
            met = met and state[word] & goal[at, word, 0] == goal[at, word, 1]
        if met:
            return True
    return False


@part
def judge(plain: Any, cells: Any, goal: Any, state: Any, lack: Any, left: Any, held: Any) -> Any:
    """Return whether a state is a goal, may reach one at a cost of at most ``left``, or cannot.

    ``lack`` is the result of :func:`lacks`. If the state is :data:`NEAR`, the fields of its cells
    are in ``held`` afterwards.
    """
    missing, needed, present, rows = lack
    spare = left - missing * plain[STORE_COST]
    if missing == 0 and is_goal(goal, state):
        judged = DONE
    elif spare < 0 or (missing == 0 and spare < plain[LEAST_COST]):
        judged = PRUNED
    else:
        unpack(plain, cells, state, held)
        bits = lacking(plain, cells, needed, present, held)
        judged = PRUNED if bits & ~rows else OPEN
        reads = 0
        while bits:
            reads += plain[STORE_COST]
            bits &= bits - 1
        if reads > spare:
            judged = PRUNED
        elif judged == OPEN and spare < plain[LEAST_COST] * (1 if missing else 2):
            judged = NEAR
    return judged
