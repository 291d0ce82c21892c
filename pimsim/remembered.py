"""A cache in memory: the values that were used last, within a limit of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakSet

_Value = TypeVar("_Value")


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
        self._lock = threading.Lock()

    def get(self, key: str) -> _Value | None:
        """Return the value of a key; None if it is not in the cache."""
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
