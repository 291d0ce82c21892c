"""From bound steps to calls of kernels, with a table of rows and masks for every output.

Steps are cut, in order, into segments; one kernel carries out a segment. Within a segment, a
written value is used from a register. A row is stored at the end of the segment, and only if it can
still be read. Cuts are placed so that a long tree of adders repeats one segment: after a number of
fresh rows, and before adders that mostly combine older rows.

A value in a register may be the complement of what its row holds, differently for each output
(*polarity*). A full adder with three complemented operands gives complemented results, so masks are
needed only where rows are loaded or stored.

A segment uses rows of only one part (except for a row that is moved), so that calls can be divided
into phases, see :mod:`pimsim.executors.compiled.lower.calls`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pimsim.executors.compiled.lower.binding import BoundStep
from pimsim.executors.compiled.lower.function import StepFunction, settle
from pimsim.executors.compiled.lower.places import Each, Where
from pimsim.microprogram import bitsets

BUDGET = 31
"""Fresh rows of a kernel: enough for five levels of a tree of adders."""

_XOR = 0b0110
_MAX_NODES = 160
_FAR = np.iinfo(np.int32).max


@dataclass(eq=False)
class KernelSegment:
    """Steps that one kernel carries out."""

    values: list[tuple[int | None, tuple[int, ...]]] = field(default_factory=list)
    polarity: list[int] = field(default_factory=list)
    """Per value, outputs for which it is the complement of what the row holds; a set, see
    :mod:`pimsim.microprogram.bitsets`."""
    entries: list[tuple[Where, int]] = field(default_factory=list)
    at_hand: dict[int, int] = field(default_factory=dict)
    """Places, and the value that each has in a register."""
    stores: dict[int, int] = field(default_factory=dict)
    """Places that are written, and their value."""
    fresh: int = 0
    """Loads of rows that no step has written."""
    read: tuple[int, int] | None = None
    """Place read out and its slot; then there is nothing else."""
    part: int = 0
    """Part whose rows it touches."""

    def value(self, table: int | None, operands: tuple[int, ...], polarity: int = 0) -> int:
        """Add a value."""
        self.values.append((table, operands))
        self.polarity.append(polarity)
        return len(self.values) - 1


class Tracer:
    """Cuts bound steps into segments.

    Args:
        places: number of places.
        outputs: number of outputs of the kind that is compiled.

    """

    def __init__(self, places: int, outputs: int) -> None:
        self._outputs = outputs
        self._every = (1 << outputs) - 1
        self.segments: list[KernelSegment] = []
        # Flags are read one by one, which is faster with bytes than with arrays.
        self._needed, self._written, self._inside = (bytearray(places) for _ in range(3))
        self.needed, self.written, self._inside_flags = (
            np.frombuffer(each, dtype=np.bool_)
            for each in (self._needed, self._written, self._inside)
        )
        self._value_of = np.zeros(places, dtype=np.int32)
        self._now = KernelSegment()
        self._part = 0

    def step(self, step: BoundStep) -> None:
        """Add a step."""
        function = step.function
        if function is None:
            raise ValueError("`step` must have its function")
        if self._part not in step.parts:
            self.close()
            self._part = step.parts[0]
        places, masks = step.operands
        alike = function.inputs == step.deed.reads
        self._need(places if alike else [step.where(site) for site in step.deed.read_sites])
        fresh = sum(not self._touched(place) for place in places)
        if self._full(places, fresh, len(function.nodes)):
            self.close()
        if not self._try(step, function, places, masks):
            self.close()
            if not self._try(step, function, places, masks):
                raise ValueError("a step must fit an empty segment")
        self._now.fresh += fresh

    def read(self, place: int, slot: int, part: int) -> None:
        """Read a place of a part out."""
        self.close()
        self._need([place])
        self._part = part
        self.segments.append(KernelSegment(read=(place, slot), part=part))

    def close(self) -> None:
        """End the segment."""
        if self._now.values:
            for place in self._now.stores:
                self._inside[place] = 0
            self._now.part = self._part
            self.segments.append(self._now)
            self._now = KernelSegment()

    # -- one step ----------------------------------------------------------------------------

    def _need(self, places: Sequence[Where]) -> None:
        """Note places that must have been written; those that no step writes are known."""
        for place in places:
            if isinstance(place, int):
                if not self._written[place]:
                    self._needed[place] = 1
            elif not place.lasting:
                where = place.places
                self.needed[where[~self.written[where]]] = True

    def _touched(self, place: Where) -> bool:
        """Whether some of it was written by a step before."""
        if isinstance(place, int):
            return bool(self._written[place])
        return not place.lasting and bool(self.written[place.places].any())

    def _hit(self, place: Where) -> bool:
        """Whether the segment writes some of it."""
        if isinstance(place, int):
            return place in self._now.at_hand
        return not place.lasting and bool(self._inside_flags[place.places].any())

    def _full(self, places: Sequence[Where], fresh: int, nodes: int) -> bool:
        now = self._now
        if not now.values:
            return False
        if len(now.values) + nodes > _MAX_NODES:
            return True
        if fresh:
            return now.fresh >= BUDGET or not now.fresh
        if 2 * now.fresh < BUDGET:
            return False
        return 2 * sum(map(self._hit, places)) < len(places)

    def _try(
        self, step: BoundStep, function: StepFunction, places: list[Where], masks: list[int]
    ) -> bool:
        """Add a step to the segment; False if places of its operands differ between outputs."""
        now = self._now
        plain = step.kinds is None
        hit = not step.lasting and any(
            self._hit(place) for place in places if not isinstance(place, int)
        )
        if function.symmetric and len(places) > 1:
            sorted_ = self._sort(places, masks) if hit else self._ordered(places, masks)
            if sorted_ is None:
                return False
            places, masks = sorted_
        elif hit:
            return False
        held = [now.at_hand.get(p) if isinstance(p, int) else None for p in places]
        inside, extra = 0, list(masks)
        for i, value in enumerate(held):
            if value is not None:
                inside |= 1 << i
                extra[i] ^= now.polarity[value]
        left, flipped = settle(function, extra, inside, self._every)
        operands: list[int] = []
        sources: list[tuple[int, int]] = []
        for place, mask, value, flip in zip(places, masks, held, left, strict=True):
            if value is None:
                value = now.value(None, (), flip)
                now.entries.append((place, flip))
                if isinstance(place, int):
                    now.at_hand[place] = value
                operands.append(value)
            else:
                operands.append(self._fixed(value, flip) if flip else value)
            sources.append((value, now.polarity[value] ^ mask))
        for i in range(function.immediates):
            operands.append(now.value(-1, ()))
            now.entries.append((0, step.mask([each[i] for each in function.immediate_masks])))
        inputs, named = len(operands), set[int]()
        for table, own in function.nodes:
            operands.append(now.value(table, tuple([operands[i] for i in own])))
        for number, (_, index) in enumerate(function.results):
            mask = 0 if plain else step.mask(function.result_columns[number])
            if index < len(places):
                value, polarity = sources[index]
            else:
                value, polarity = operands[index], flipped[number] if index >= inputs else 0
            polarity ^= mask
            if index >= inputs and value not in named:
                now.polarity[value] = polarity
                named.add(value)
            elif now.polarity[value] != polarity:
                value = now.value(0b10, (value,), polarity)
            self._write(step.where(function.result_sites[number]), value)
        return True

    def _write(self, where: Where, value: int) -> None:
        if not isinstance(where, int):
            raise ValueError("outputs must write the same rows")
        self._now.at_hand[where] = self._now.stores[where] = value
        self._inside[where] = self._written[where] = 1
        self._value_of[where] = value

    def _fixed(self, value: int, fix: int) -> int:
        now = self._now
        mask = now.value(-1, ())
        now.entries.append((0, fix))
        return now.value(_XOR, (value, mask))

    def _ordered(self, places: list[Where], masks: list[int]) -> tuple[list[Where], list[int]]:
        """Operands in registers first, so that equal segments look equal."""
        stores = self._now.stores
        keys = [stores.get(p, _FAR) if isinstance(p, int) else _FAR for p in places]
        if keys == sorted(keys):
            return places, masks
        order = sorted(range(len(places)), key=keys.__getitem__)
        return [places[i] for i in order], [masks[i] for i in order]

    def _sort(self, places: list[Where], masks: list[int]) -> tuple[list[Where], list[int]] | None:
        """Exchange operands so that those in registers are the same for all outputs."""
        table = np.empty((len(places), self._outputs), dtype=np.int32)
        for row, place in enumerate(places):
            table[row] = place if isinstance(place, int) else place.places
        flips = bitsets.flags(masks, self._outputs)
        keys = np.where(self._inside_flags[table], self._value_of[table], _FAR)
        order = np.argsort(keys, axis=0, kind="stable")
        keys = np.take_along_axis(keys, order, axis=0)
        if (keys != keys[:, :1]).any():
            return None
        table = np.take_along_axis(table, order, axis=0)
        found: list[Where] = [
            Each(each, 0, lasting=False) if key == _FAR else int(each[0])
            for each, key in zip(table, keys[:, 0].tolist(), strict=True)
        ]
        return found, bitsets.numbers(np.take_along_axis(flips, order, axis=0))
