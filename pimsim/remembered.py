"""Values that are asked for again: the ones used last, and those that are made when they are."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar, overload
from weakref import WeakSet

_Value = TypeVar("_Value")


class Later(Sequence[_Value]):
    """A sequence of known length, whose items are made when one of them is asked for.

    Args:
        length: how many there are.
        make: makes all of them.

    >>> some = Later(3, lambda: print("made") or [4, 5, 6])
    >>> len(some)
    3
    >>> some[1], sum(some)
    made
    (5, 15)
    """

    def __init__(self, length: int, make: Callable[[], Sequence[_Value]]) -> None:
        self._length, self._make = length, make
        self._made: Sequence[_Value] | None = None

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, number: int) -> _Value: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[_Value]: ...
    def __getitem__(self, number: int | slice) -> _Value | Sequence[_Value]:
        return self._all()[number]

    def __iter__(self) -> Iterator[_Value]:
        return iter(self._all())

    def _all(self) -> Sequence[_Value]:
        if self._made is None:
            made = self._make()
            if len(made) != self._length:
                raise ValueError(f"{self._length} items must be made, not {len(made)}")
            self._made = made
        return self._made


class Source:
    """Where a cache may get values that it lacks, asked once and only as long as it exists.

    Args:
        give: adds the values to the cache.

    """

    def __init__(self, give: Callable[[], None]) -> None:
        self.give = give


class Known(Generic[_Value]):
    """The values that were used last, up to so many bytes.

    Threads may share it; if two ask for the same value at once, both may compute it.

    >>> known = Known(size_bytes=100)
    >>> notes = known.notes(size_bytes=100)
    >>> known.of("a", lambda: (1, 8)), known.of("a", lambda: (2, 8)), notes.values
    (1, 1, {'a': 1})
    """

    def __init__(self, size_bytes: int) -> None:
        self._left = size_bytes
        self._held: OrderedDict[str, tuple[_Value, int]] = OrderedDict()
        self._notes: WeakSet[Notes[_Value]] = WeakSet()
        self._sources: WeakSet[Source] = WeakSet()
        self._lock, self._asking = threading.Lock(), threading.Lock()

    def get(self, key: str) -> _Value | None:
        """Return the value of a key; None if it is neither in the cache nor in a source."""
        found = self._get(key)
        if found is None and self._asked():
            found = self._get(key)
        return found

    def ask(self, source: Source) -> None:
        """Have a source asked as soon as a value is wanted that is not in the cache."""
        self._sources.add(source)

    def _asked(self) -> bool:
        """Ask all sources; return whether there was one."""
        with self._asking:
            some = list(self._sources)
            self._sources.clear()
            for source in some:
                source.give()
        return bool(some)

    def _get(self, key: str) -> _Value | None:
        with self._lock:
            held = self._held.get(key)
            if held is None:
                return None
            self._held.move_to_end(key)
            self._note(key, *held)
        return held[0]

    def give(self, key: str, value: _Value, size_bytes: int) -> None:
        """Add a value."""
        with self._lock:
            if key not in self._held:
                self._held[key] = value, size_bytes
                self._left -= size_bytes
            while self._left < 0:
                _, (_, freed) = self._held.popitem(last=False)
                self._left += freed
            self._note(key, value, size_bytes)

    def of(self, key: str, make: Callable[[], tuple[_Value, int]]) -> _Value:
        """Return the value of a key; if it is new, ``make`` computes it and its size in bytes."""
        found = self.get(key)
        if found is None:
            found, size_bytes = make()
            self.give(key, found, size_bytes)
        return found

    def _note(self, key: str, value: _Value, size_bytes: int) -> None:
        for notes in self._notes:
            notes.take(key, value, size_bytes)

    def notes(self, size_bytes: int) -> Notes[_Value]:
        """Return notes of all values used from now on; they are kept while the notes object exists.

        Args:
            size_bytes: most bytes of the noted values.

        """
        notes = Notes[_Value](size_bytes)
        with self._lock:
            self._notes.add(notes)
        return notes


class Notes(Generic[_Value]):
    """Values that were used while these notes were taken.

    Args:
        size_bytes: most bytes of the values.

    """

    def __init__(self, size_bytes: int) -> None:
        self.values: dict[str, _Value] | None = {}
        """Values by key; None if there were too many bytes."""
        self._left = size_bytes

    def take(self, key: str, value: _Value, size_bytes: int) -> None:
        """Note a value."""
        if self.values is None or key in self.values:
            return
        self._left -= size_bytes
        if self._left < 0:
            self.values = None
        else:
            self.values[key] = value
