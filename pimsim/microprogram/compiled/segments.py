"""From bound steps to calls of kernels, with a table of rows and masks for every output.

Steps are taken in order and cut into segments that a kernel carries out at once. Within a segment a
value that was written is used from a register; a row is stored at the segment's end, and only if
somebody can still see it. The cut is placed so that a long tree of adders repeats one segment: it
comes behind a number of fresh rows, and before adders that mostly combine older rows.

Values in registers may be complements of what the rows hold, differently for each output
(*polarity*): a full adder of three complemented operands gives complemented results, so a mask is
needed only where a row is loaded or stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pimsim.microprogram.compiled.binding import BoundStep, Where
from pimsim.microprogram.compiled.function import Function
from pimsim.microprogram.compiled.graph import Kind, Place

Flags = NDArray[np.bool_]
_XOR = 0b0110
_MAX_NODES = 160
_FAR = np.iinfo(np.int32).max


@dataclass(eq=False)
class Segment:
    """Steps that one kernel carries out."""

    values: list[tuple[int | None, tuple[int, ...]]] = field(default_factory=list)
    polarity: list[Flags | None] = field(default_factory=list)
    """Per value, outputs for which it is the complement of what the row holds."""
    entries: list[tuple[Where, Flags | None]] = field(default_factory=list)
    at_hand: dict[int, int] = field(default_factory=dict)
    """Places and the value that stands for them."""
    stores: dict[int, int] = field(default_factory=dict)
    """Places that are written, and their value."""
    fresh: int = 0
    """Loads of rows that no step has written."""
    read: tuple[int, int] | None = None
    """Place read out and its slot; then there is nothing else."""

    def value(
        self, table: int | None, operands: tuple[int, ...], polarity: Flags | None = None
    ) -> int:
        """Add a value."""
        self.values.append((table, operands))
        self.polarity.append(polarity)
        return len(self.values) - 1


class Tracer:
    """Cuts bound steps into segments.

    Args:
        places: number of places.
        outputs: number of outputs of the kind that is compiled.
        budget: fresh rows after which a segment is cut.
        literal: one command a segment.

    """

    def __init__(self, places: int, clash: int, outputs: int, budget: int, literal: bool) -> None:
        self._clash, self._outputs, self._budget, self._literal = clash, outputs, budget, literal
        self.segments: list[Segment] = []
        self._needed: Flags = np.zeros(places, dtype=np.bool_)
        self._needed_too: list[NDArray[np.int32]] = []
        self.written: Flags = np.zeros(places, dtype=np.bool_)
        self._inside = np.zeros(places, dtype=np.bool_)
        self._value_of = np.zeros(places, dtype=np.int32)
        self._now = Segment()

    def step(self, step: BoundStep) -> None:
        """Add a step."""
        function = step.function
        if function is None:
            raise ValueError("`step` must have its function")
        touched = self._need(step)
        places = [self._place(step, place) for place in function.inputs]
        old = [touched.get(place, True) for place in function.inputs]
        fresh = len(old) - sum(old)
        if self._full(places, fresh, len(function.nodes)):
            self.close()
        if not self._try(step, function, places, old):
            self.close()
            if not self._try(step, function, places, old):
                raise ValueError("a step must fit an empty segment")
        self._now.fresh += fresh
        if self._literal:
            self.close()

    def read(self, place: int, slot: int) -> None:
        """Read a place out."""
        self.close()
        if not self.written[place]:
            self._needed[place] = True
        self.segments.append(Segment(read=(place, slot)))

    def close(self) -> None:
        """End the segment."""
        if self._now.values:
            for place in self._now.stores:
                self._inside[place] = False
            self.segments.append(self._now)
            self._now = Segment()

    # -- one step ----------------------------------------------------------------------------

    def _place(self, step: BoundStep, place: Place) -> Where:
        kind, number = place
        if kind == Kind.ROW:
            return step.places[number]
        return step.first_cell + number if kind == Kind.CELL else self._clash

    def _need(self, step: BoundStep) -> dict[Place, bool]:
        """Note what must have been written; per place read, whether some of it was in here."""
        touched = {}
        for place in step.deed.reads:
            where = self._place(step, place)
            if isinstance(where, int):
                touched[place] = bool(self.written[where])
                if not touched[place]:
                    self._needed[where] = True
                continue
            before = self.written[where]
            touched[place] = bool(before.any())
            self._needed_too.append(where[~before] if touched[place] else where)
        return touched

    def needed(self) -> Flags:
        """Places that must have been written before."""
        if self._needed_too:
            self._needed[np.concatenate(self._needed_too)] = True
            self._needed_too.clear()
        return self._needed

    def _full(self, places: Sequence[Where], fresh: int, nodes: int) -> bool:
        now = self._now
        if not now.values:
            return False
        if len(now.values) + nodes > _MAX_NODES:
            return True
        if fresh:
            return now.fresh >= self._budget or not now.fresh
        if 2 * now.fresh < self._budget:
            return False
        inside = sum(
            place in now.at_hand if isinstance(place, int) else bool(self._inside[place].any())
            for place in places
        )
        return 2 * inside < len(places)

    def _try(
        self, step: BoundStep, function: Function, places: list[Where], old: list[bool]
    ) -> bool:
        """Add a step to the segment; False if outputs differ in where its operands stand."""
        now = self._now
        plain = step.kinds is None
        masks: list[Flags | None] = [None] * len(places)
        if not plain:
            masks = [self._mask(function.input_masks, i, step) for i in range(len(places))]
        hit = any(
            before and not isinstance(place, int) and self._inside[place].any()
            for place, before in zip(places, old, strict=True)
        )
        if function.symmetric and len(places) > 1:
            sorted_ = self._sort(places, masks) if hit else self._ordered(places, masks)
            if sorted_ is None:
                return False
            places, masks = sorted_
        elif hit:
            return False
        held = [now.at_hand.get(p) if isinstance(p, int) else None for p in places]
        extra: list[Flags | None] = []
        for mask, value in zip(masks, held, strict=True):
            extra.append(mask if value is None else _xor(mask, now.polarity[value]))
        loads, fixes, flipped = self._polarity(function, masks, extra, held)
        operands: list[int] = []
        sources: list[tuple[int, Flags | None]] = []
        for place, mask, value, load, fix in zip(places, masks, held, loads, fixes, strict=True):
            if value is None:
                value = now.value(None, (), load)
                now.entries.append((place, load))
                if isinstance(place, int):
                    now.at_hand[place] = value
            sources.append((value, _xor(now.polarity[value], mask)))
            operands.append(value if fix is None else self._fixed(value, fix))
        for i in range(function.immediates):
            mask = self._mask(function.immediate_masks, i, step)
            operands.append(now.value(-1, ()))
            now.entries.append((0, mask))
        inputs, named = len(operands), set[int]()
        for table, own in function.nodes:
            operands.append(now.value(table, tuple(operands[i] for i in own)))
        for number, (target, index) in enumerate(function.results):
            mask = None if plain else self._mask(function.result_masks, number, step)
            if index < len(places):
                value, polarity = sources[index]
            else:
                value, polarity = operands[index], flipped[number] if index >= inputs else None
            polarity = _xor(polarity, mask)
            if index >= inputs and value not in named:
                now.polarity[value] = polarity
                named.add(value)
            elif not _same(now.polarity[value], polarity):
                value = now.value(0b10, (value,), polarity)
            self._write(self._place(step, target), value)
        return True

    def _write(self, where: Where, value: int) -> None:
        if not isinstance(where, int):
            raise ValueError("outputs must write the same rows")
        self._now.at_hand[where] = self._now.stores[where] = value
        self._inside[where] = self.written[where] = True
        self._value_of[where] = value

    def _fixed(self, value: int, fix: Flags) -> int:
        now = self._now
        mask = now.value(-1, ())
        now.entries.append((0, fix))
        return now.value(_XOR, (value, mask))

    def _mask(
        self, table: tuple[tuple[int, ...], ...], number: int, step: BoundStep
    ) -> Flags | None:
        column = [each[number] for each in table]
        if not any(column) or step.kinds is None:
            return None
        found: Flags = np.array(column, dtype=np.bool_)[step.kinds]
        return found

    def _ordered(
        self, places: list[Where], masks: list[Flags | None]
    ) -> tuple[list[Where], list[Flags | None]]:
        """Operands in registers first, so that equal segments look equal."""
        stores = self._now.stores
        keys = [stores.get(p, _FAR) if isinstance(p, int) else _FAR for p in places]
        if keys == sorted(keys):
            return places, masks
        order = sorted(range(len(places)), key=keys.__getitem__)
        return [places[i] for i in order], [masks[i] for i in order]

    def _sort(
        self, places: list[Where], masks: list[Flags | None]
    ) -> tuple[list[Where], list[Flags | None]] | None:
        """Exchange operands so that those in registers are the same for all outputs."""
        table = np.empty((len(places), self._outputs), dtype=np.int32)
        flips = np.zeros(table.shape, dtype=np.bool_)
        for row, (place, mask) in enumerate(zip(places, masks, strict=True)):
            table[row] = place
            if mask is not None:
                flips[row] = mask
        keys = np.where(self._inside[table], self._value_of[table], _FAR)
        order = np.argsort(keys, axis=0, kind="stable")
        keys = np.take_along_axis(keys, order, axis=0)
        if (keys != keys[:, :1]).any():
            return None
        table = np.take_along_axis(table, order, axis=0)
        flips = np.take_along_axis(flips, order, axis=0)
        found: list[Where] = [
            each if key == _FAR else int(each[0])
            for each, key in zip(table, keys[:, 0].tolist(), strict=True)
        ]
        return found, [flip if flip.any() else None for flip in flips]

    def _polarity(
        self,
        function: Function,
        masks: list[Flags | None],
        extra: list[Flags | None],
        held: list[int | None],
    ) -> tuple[list[Flags | None], list[Flags | None], list[Flags | None]]:
        """Masks of loads, masks of values at hand that need one, complements of the results."""
        count = len(masks)
        nothing: list[Flags | None] = [None] * len(function.results)
        if not any(e is not None and v is not None for e, v in zip(extra, held, strict=True)):
            return masks, [None] * count, nothing
        if not function.duals:
            return (
                masks,
                [None if v is None else e for e, v in zip(extra, held, strict=True)],
                (nothing),
            )
        inside = sum((value is not None) << i for i, value in enumerate(held))
        code = np.zeros(self._outputs, dtype=np.uint8)
        for i, (e, value) in enumerate(zip(extra, held, strict=True)):
            if e is not None and value is not None:
                code |= e.astype(np.uint8) << np.uint8(i)
        chosen_of, results_of = _choices(function, inside)
        chosen, results = chosen_of[code], results_of[code]
        loads: list[Flags | None] = []
        fixes: list[Flags | None] = []
        for i, (mask, e, value) in enumerate(zip(masks, extra, held, strict=True)):
            flip = (chosen >> i & 1).astype(np.bool_)
            if value is None:
                loads.append(_some(_xor(mask, flip)))
                fixes.append(None)
            else:
                loads.append(None)
                fixes.append(_some(_xor(e, flip)))
        flipped = [_some((results >> i & 1).astype(np.bool_)) for i in range(len(function.results))]
        return loads, fixes, flipped


_CHOICES: dict[tuple[int, int], tuple[Function, NDArray[np.uint8], NDArray[np.uint8]]] = {}


def _choices(function: Function, inside: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """For complements of the inputs ``inside``: complements to settle for, and of the results."""
    found = _CHOICES.get((id(function), inside))
    if found is None:
        chosen = np.zeros(16, dtype=np.uint8)
        results = np.zeros(16, dtype=np.uint8)
        for code in range(16):
            best = min(
                function.duals,
                key=lambda s: (((s ^ code) & inside).bit_count(), (s & ~inside).bit_count(), s),
            )
            chosen[code], results[code] = best, function.duals[best]
        found = _CHOICES[(id(function), inside)] = (function, chosen, results)
    return found[1], found[2]


def _xor(one: Flags | None, other: Flags | None) -> Flags | None:
    if one is None:
        return other
    return one if other is None else one ^ other


def _some(flags: Flags | None) -> Flags | None:
    return None if flags is None or not flags.any() else flags


def _same(one: Flags | None, other: Flags | None) -> bool:
    if one is other:
        return True
    if one is None:
        return other is None or not other.any()
    return not one.any() if other is None else bool((one == other).all())
