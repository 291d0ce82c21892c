"""Booking a mapped stage: every command that it takes, in order.

Outputs that the same banks compute one after the other take the same commands. So the commands are
worked out for one of them and booked as often as there are outputs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import cache, partial
from itertools import chain, cycle, groupby
from math import prod
from operator import mul

import numpy as np
from numpy.typing import NDArray

from bnn.backends.retries import Repeats
from bnn.backends.stream_trace import record
from bnn.mapped.mapped_stage import MappedStage
from bnn.mapped.placement.placement import Turn
from bnn.system.ledger import CommandLedger
from bnn.system.row_moves import move_each, move_rows
from bnn.system.screening import book_tests
from bnn.system.system import Occupancy
from pimsim.dram.commands import Kind
from pimsim.microprogram.output_tree.stream import Stream
from pimsim.microprogram.row_program import Move, Read, Run, Write

_MOST_IN_ROUND = 64
"""Longest repeating series that is looked for. A series of turns has as many as there are groups of
outputs, at most as many as banks; a series of slots has as many as a group has streams."""


def book(mapped: MappedStage, ledger: CommandLedger, repeats: Repeats | None = None) -> None:
    """Book a stage: for each turn what stays in its rows, and then batch after batch of images.

    Args:
        mapped: the stage.
        ledger: whose books.
        repeats: what was computed again, by number of the turn; nothing if None.

    """
    if ledger.settled:
        return
    placement, nothing = mapped.placement, np.zeros(0, np.intp)
    book_tests(ledger, placement.turns[0].first, mapped.parts)

    def write(phase: str, turn: Turn, banks: Sequence[int]) -> None:
        if mapped.program.phases[phase]:
            ledger.enter(phase)
            book_phase(mapped, phase, ledger, turn, banks, nothing)

    contents = cache(partial(_contents, mapped))

    def carry_out(turn: Turn, lanes: Sequence[int], groups: Sequence[int]) -> None:
        ledger.told_apart(
            partial(book_streams, mapped, ledger, turn, lanes, groups),
            partial(record, mapped, turn, lanes, groups),
        )

    def compute(turn: Turn, lanes: int) -> None:
        write("inputs", turn, range(lanes))
        ledger.enter("compute")
        slots = placement.slots(turn, lanes)
        if mapped.streams is not None:
            own = deque((some.tolist(), groups.tolist()) for some, groups in slots)
            while own and ledger.watched:
                carry_out(turn, *own.popleft())
            if own:
                _book_slots(mapped, ledger, turn, own, contents())
            return
        for banks, alike in groupby(slots, key=lambda slot: slot[0].tolist()):
            outputs = np.stack([some for _, some in alike]) // mapped.stage.each
            ledger.repeat(outputs, partial(book_phase, mapped, "compute", ledger, turn, banks))

    widths: dict[int, list[tuple[int, int]]] = {}
    """Lanes of batches in succession, and how many have so many."""

    def whole(some: range) -> None:
        for number in some:
            turn = placement.turns[number]
            write("weights", turn, range(turn.lanes))
            outputs = placement.side_by_side or tuple(  # then all have the same program
                (block.outputs.start, block.outputs.stop) for block in turn.blocks
            )
            if id(turn.batches) not in widths:  # which turns may share
                runs = groupby(map(len, turn.batches))
                widths[id(turn.batches)] = [(width, len(list(same))) for width, same in runs]
            for width, times in widths[id(turn.batches)]:
                what = mapped, turn.columns, outputs, width
                ledger.alike(times, partial(compute, turn, width), what)
            for repeat in (repeats or {}).get(number, ()):
                write("inputs", turn, repeat.lanes)
                ledger.enter("compute")
                for lanes, some_outputs in repeat.slots():
                    banks = [repeat.lanes[lane] for lane in lanes]
                    if mapped.streams is not None:
                        carry_out(turn, banks, some_outputs.tolist())
                    else:
                        book_phase(mapped, "compute", ledger, turn, banks, some_outputs)

    single = all(len(turn.batches) == 1 for turn in placement.turns)
    every = range(len(placement.turns))
    turns = map(_likeness, placement.turns)
    for some, times in _rounds(turns) if single and not repeats else ((every, 1),):
        ledger.again(times, partial(whole, some))


def _rounds(some: Iterable[Hashable]) -> Iterator[tuple[range, int]]:
    """Series of things, and how often each series comes in succession.

    >>> list(_rounds(["a", "b", "c"] * 5 + ["a"]))
    [(range(0, 3), 5), (range(15, 16), 1)]
    """
    numbers: dict[Hashable, int] = {}
    keys = [numbers.setdefault(key, len(numbers)) for key in some]
    first = 0
    while first < len(keys):
        for size in range(1, _MOST_IN_ROUND + 1):
            if keys[first + size : first + size + 1] != keys[first : first + 1]:
                continue
            times = 1
            own, after = keys[first : first + size], first + size
            while keys[after : after + size] == own:
                times, after = times + 1, after + size
            if times > 1:
                break
        else:
            size = times = 1
        yield range(first, first + size), times
        first += size * times


def _likeness(turn: Turn) -> Hashable:
    """Equal for turns that take the same commands."""
    outputs = tuple((block.outputs.start, block.outputs.stop) for block in turn.blocks)
    return turn.columns, turn.first, outputs, tuple(map(len, turn.batches))


def _contents(mapped: MappedStage) -> list[int]:
    """A number for each stream, equal for those that take the same commands."""
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(one.tally.content, len(numbers)) for one in _streams(mapped)]


def _book_slots(
    mapped: MappedStage,
    ledger: CommandLedger,
    turn: Turn,
    slots: Sequence[tuple[list[int], list[int]]],
    contents: Sequence[int],
) -> None:
    """Book slots, lanes and their groups, one after the other: those that come again, once."""
    keys = ((*lanes, -1, *(contents[group] for group in groups)) for lanes, groups in slots)
    for some, times in _rounds(keys):
        book = [partial(book_streams, mapped, ledger, turn, *slots[number]) for number in some]
        if times == 1:
            for each in book:
                each()
        else:
            ledger.in_a_row(times, partial(_all_of, book))


def _all_of(book: Sequence[Callable[[], None]]) -> None:
    for each in book:
        each()


def book_phase(
    mapped: MappedStage,
    phase: str,
    ledger: CommandLedger,
    turn: Turn,
    lanes: Sequence[int],
    outputs: NDArray[np.intp],
) -> None:
    """Book a phase of the row program in some lanes of a turn.

    Args:
        mapped: the stage.
        phase: of :data:`pimsim.microprogram.row_program.PHASES`.
        ledger: whose books, where that phase has been entered.
        turn: what the lanes hold.
        lanes: those that take part.
        outputs: (lanes,) what each computes, or (times, lanes) of outputs that take the same
            commands.

    """
    columns = mapped.placement.span(turn)
    where = {part: (mapped.banks(part, lanes), turn.first + part) for part in range(mapped.parts)}
    for item in mapped.program.phases[phase]:
        match item:
            case Write(rows, part):
                ledger.access(Kind.WR, rows, columns, *where[part])
            case Run(schedule, part):
                ledger.run(schedule, outputs, *where[part])
            case Move(row, part, to_row, to_part):
                move_rows(ledger, [(row, to_row)], columns, where[part], where[to_part])
            case Read(row, part):
                ledger.access(Kind.RD, [row], columns, *where[part])


def book_streams(
    mapped: MappedStage,
    ledger: CommandLedger,
    turn: Turn,
    lanes: Sequence[int],
    groups: Sequence[int],
) -> None:
    """Book what lanes do for a group of outputs each; the work of the home comes last.

    Sets of parts that compute the same (for a vote) come one after the other, then the part that
    votes. Streams differ a little in length; lanes wait for the longest.
    """
    streams = [_streams(mapped)[group] for group in groups]
    tallies = [one.tally for one in streams]
    columns, first, size = mapped.placement.span(turn), turn.first, mapped.set_size or mapped.parts
    gives = tallies[0].gives
    every = dict.fromkeys(ends for tally in tallies for ends in tally.moved)
    for home in range(0, mapped.parts, size):
        for part in [*range(home + 1, min(home + size, mapped.parts)), home]:
            if part == home:
                for ends in every:
                    if ends[1] // size * size != home:
                        continue
                    counts = [tally.moved.get(ends, 0) for tally in tallies]
                    source, target = ((mapped.banks(one, lanes), first + one) for one in ends)
                    move_each(ledger, counts, columns, source, target)
            tapes, banks = [tally.parts[part] for tally in tallies], mapped.banks(part, lanes)
            ledger.run_each(tapes, banks)
            ledger.count_streams(streams, part, banks, first + part)
    for number in range(max(tally.reads for tally in tallies)):
        some = [lane for lane, one in zip(lanes, tallies, strict=True) if number < one.reads]
        ledger.access(Kind.RD, [0], columns, mapped.banks(gives, some), first + gives)


def _streams(mapped: MappedStage) -> Sequence[Stream]:
    if mapped.streams is None:
        raise ValueError(f"stage {mapped.stage.name!r} must have streams")
    return mapped.streams


def occupancy(mapped: MappedStage) -> Occupancy:
    """How much of the DRAM a stage takes."""
    placement, used, opened = mapped.placement, 0, 0
    lanes: dict[int, int] = {}
    known: dict[Hashable, tuple[int, int]] = {}
    for turn in placement.turns:
        lanes[turn.first] = max(lanes.get(turn.first, 0), turn.lanes)
        blocks = tuple([prod(placement.shape(block)[::2]) for block in turn.blocks])
        key = id(turn.batches), blocks  # which turns may share
        if key not in known:
            every = chain.from_iterable(turn.batches)
            if len(set(blocks)) == 1:
                held = blocks[0] * sum([images.stop - images.start for images in every])
            else:
                counts = ([one.stop - one.start for one in batch] for batch in turn.batches)
                held = sum(sum(map(mul, own, cycle(blocks))) for own in counts)
            known[key] = held, sum(map(len, turn.batches)) * mapped.system.columns
        used, opened = used + known[key][0], opened + known[key][1]
    most = range(max(lanes.values()))
    banks = {bank for part in range(mapped.parts) for bank in mapped.banks(part, most)}
    return Occupancy(
        used,
        opened,
        sum(lanes.values()) * mapped.parts,
        placement.capacity,
        len(banks),
        max(lanes) + mapped.parts,
    )
