"""The compiled loop of a search: it takes states and finds their successors.

A successor that cannot reach a goal within the limit is dropped at once
(:mod:`~pimsim.synthesis.bounds`). The others are stored, each once
(:mod:`~pimsim.synthesis.store`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pimsim.object_code import Kept
from pimsim.synthesis.bounds import (
    DONE,
    NEAR,
    OPEN,
    PRUNED,
    find_useful,
    is_goal,
    judge,
    lacks,
    still_useful,
)
from pimsim.synthesis.commands import canonical, drive, give, sense, unpack
from pimsim.synthesis.rules import (
    ANY_SHORTED,
    COLUMNS,
    KIND,
    MAJORITY,
    STORE_COST,
    Ints,
    Rules,
    Words,
)
from pimsim.synthesis.store import BEST, COUNT, CUT, NEXT, PARENT, PUSHED, Store, enter


class Work(NamedTuple):
    """Scratch arrays for the state that is worked on."""

    held: Words
    """(3, F) fields of cells."""
    states: Words
    """(5, W)"""
    tried: Words
    """(S,) truth tables of sources."""
    useful: Ints
    """(S,) 1 for sources with the value of a missing output."""


def _expand(rules: Rules, store: Store, work: Work, batch: Any, cost: Any, limit: Any) -> Any:
    """Find the successors of states that cost ``cost``, from where it stopped; return the limit.

    It starts where the last call stopped, and stops at the end of ``batch``, or when the store must
    be made larger. A goal that is found lowers the limit: from then on only cheaper ones count.
    """
    plain, cells, outputs, sources = rules.plain, rules.cells, rules.outputs, rules.sources
    drives, targets, prices, goal = rules.drives, rules.targets, rules.prices, rules.goal
    names, values, touched = rules.names, rules.values, rules.touched
    states, origin, table = store.states, store.origin, store.table
    pushed, numbers = store.pushed, store.numbers
    words = states.shape[1]
    held, own, after = work.held[0], work.held[1], work.held[2]
    tried, useful = work.tried, work.useful
    state, sensed, child = work.states[0], work.states[1], work.states[2]
    least, spare = work.states[3], work.states[4]
    everywhere = (np.uint64(1) << np.uint64(plain[COLUMNS])) - np.uint64(1)
    destinations = len(targets)
    most = len(sources) * destinations
    room = min(len(states), len(table) * 5 // 8) - most
    while numbers[NEXT] < len(batch):
        if numbers[COUNT] > room or numbers[PUSHED] > len(pushed) - most:
            break
        number = batch[numbers[NEXT]]
        numbers[NEXT] += 1
        if origin[number, 0] != cost:
            continue
        for word in range(words):
            state[word] = states[number, word]
        unpack(plain, cells, state, own)
        before = lacks(plain, outputs, state)
        distinct = 0
        noted, count = -2, 0  # the source behind which `useful` was found: -1 any that leaves cells
        for source in range(len(sources)):
            value = sense(plain, sources, outputs, source, state, own)
            if value > everywhere:
                continue
            if sources[source, KIND] == MAJORITY:
                drive(plain, drives, destinations + source, value, state, sensed)
            else:
                again = False
                for at in range(distinct):
                    again = again or tried[at] == value
                if again:
                    continue
                if not sources[source, ANY_SHORTED]:
                    tried[distinct] = value
                    distinct += 1
                for word in range(words):
                    sensed[word] = state[word]
            for destination in range(destinations):
                price = prices[source, destination]
                if price == 0:
                    continue
                left = limit - cost - price
                if left < 0:
                    numbers[CUT] = 1
                    continue
                stores = targets[destination] >= 0
                if before[0] and not stores and left < before[0] * plain[STORE_COST]:
                    numbers[CUT] = 1
                    continue
                if not give(plain, outputs, drives, targets, destination, value, sensed, child):
                    continue
                lack = lacks(plain, outputs, child) if stores else before
                judged = judge(plain, cells, goal, child, lack, left, held)
                if judged == NEAR:
                    if stores:
                        noted = -2
                        near = find_useful(plain, outputs, sources, child, held, lack[0], useful)
                    else:
                        by = source if sources[source, KIND] == MAJORITY else -1
                        if noted != by:
                            noted = by
                            unpack(plain, cells, sensed, after)
                            count = find_useful(
                                plain, outputs, sources, sensed, after, lack[0], useful
                            )
                        near = still_useful(
                            rules, touched[destination], child, held, lack[0], useful, count
                        )
                    judged = OPEN if near else PRUNED
                if judged == PRUNED:
                    numbers[CUT] = 1
                elif judged == DONE:
                    numbers[BEST] = cost + price
                    numbers[PARENT] = number
                    limit = cost + price - 1
                else:
                    canonical(plain, cells, outputs, names, values, child, least, spare)
                    enter(states, origin, table, pushed, numbers, least, cost + price, number)
    return limit


def _retrace(rules: Rules, work: Work, target: Any, price: Any) -> Any:
    """Find a command of a price that leads from one state to another; return its number, or -1.

    The first state is the first of ``work.states``, and is overwritten with the state that it
    becomes. That must be ``target`` up to renaming or, if ``target`` is empty, a goal.
    """
    plain, cells, outputs, sources = rules.plain, rules.cells, rules.outputs, rules.sources
    drives, targets, prices, goal = rules.drives, rules.targets, rules.prices, rules.goal
    own = work.held[1]
    state, sensed, child = work.states[0], work.states[1], work.states[2]
    least, spare = work.states[3], work.states[4]
    words = len(state)
    everywhere = (np.uint64(1) << np.uint64(plain[COLUMNS])) - np.uint64(1)
    unpack(plain, cells, state, own)
    for source in range(len(sources)):
        value = sense(plain, sources, outputs, source, state, own)
        if value > everywhere:
            continue
        for word in range(words):
            sensed[word] = state[word]
        if sources[source, KIND] == MAJORITY:
            drive(plain, drives, len(targets) + source, value, state, sensed)
        for destination in range(len(targets)):
            if prices[source, destination] != price:
                continue
            if not give(plain, outputs, drives, targets, destination, value, sensed, child):
                continue
            if len(target):
                canonical(plain, cells, outputs, rules.names, rules.values, child, least, spare)
                same = True
                for word in range(words):
                    same = same and least[word] == target[word]
            else:
                missing, _, _, _ = lacks(plain, outputs, child)
                same = missing == 0 and is_goal(goal, child)
            if same:
                for word in range(words):
                    state[word] = child[word]
                return source * len(targets) + destination
    return -1


_PARTS = ("rules", "commands", "bounds", "store", "kernel")
_FILES = [Path(__file__).with_name(f"{part}.py") for part in _PARTS]

expand = Kept(_expand, _FILES)
"""Find successors of states; returns the limit."""
retrace = Kept(_retrace, _FILES)
"""Find the command that leads from one state to another; returns its number, or -1."""
