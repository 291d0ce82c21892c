"""The errors that pimsim raises on purpose.

The command line turns any :class:`PimsimError` into one line on stderr and exit code 2, so a
message must stand on its own: it names the value and says what was expected
(``"`t_ras_ps` must be a positive integer, not -5"``).

>>> try:
...     raise InputError("`banks` must be a positive integer, not 0")
... except PimsimError as error:
...     print(error)
`banks` must be a positive integer, not 0
"""

from __future__ import annotations

import errno
from collections.abc import Iterable

_MOST = 20
"""Mistakes that one message lists."""


class PimsimError(Exception):
    """Base of every error that pimsim raises on purpose."""


class InputError(PimsimError, ValueError):
    """A value given by the user (argument, file, array) is not what it must be."""

    mistakes: tuple[str, ...] = ()
    """Each mistake, if there are several; the message lists them all."""

    @classmethod
    def of(cls, mistakes: Iterable[str], where: str = "") -> InputError:
        """Return an error for one or several mistakes, in one line.

        ``where`` names the file with the mistakes; it is put before them once.

        >>> raise InputError.of(["`banks` must be 1 or more", "`ranks` must be given"], "my.toml")
        Traceback (most recent call last):
        ...
        pimsim.errors.InputError: my.toml has 2 mistakes: (1) `banks` must be 1 or more; \
(2) `ranks` must be given
        """
        listed = tuple(mistakes)
        if len(listed) == 1:
            error = cls(f"{where}: {listed[0]}" if where else listed[0])
        else:
            numbered = [f"({number}) {text}" for number, text in enumerate(listed[:_MOST], 1)]
            if len(listed) > _MOST:
                numbered.append(f"and {len(listed) - _MOST} more")
            count = f"{where} has {len(listed)} mistakes" if where else f"{len(listed)} mistakes"
            error = cls(f"{count}: {'; '.join(numbered)}")
        error.mistakes = listed
        return error


class OutOfSubarraysError(InputError):
    """A layer needs more subarrays of a bank than the part has; the message says how many."""


class DramError(PimsimError):
    """A command that the simulated DRAM cannot carry out, such as activating an unwritten row."""


class OutOfRowsError(DramError):
    """A program needs more D-group rows than a subarray has free; the message says how many."""


def require_positive(**values: object) -> None:
    """Raise :class:`InputError` unless every value is a positive integer.

    >>> require_positive(samples=3, banks=0)
    Traceback (most recent call last):
    ...
    pimsim.errors.InputError: `banks` must be a positive integer, not 0
    """
    for name, value in values.items():
        if type(value) is not int or value < 1:
            raise InputError(f"`{name}` must be a positive integer, not {value!r}")


def unreadable(what: object, error: OSError | ValueError) -> InputError:
    """Return the error that says why a file cannot be read.

    ``what`` names the file; a path does so itself.

    >>> unreadable("`circuit` 'my.toml'", FileNotFoundError(2, "No such file or directory"))
    InputError("`circuit` 'my.toml' cannot be read: No such file or directory")
    """
    named = what if isinstance(what, str) else repr(str(what))
    return InputError(f"{named} cannot be read: {getattr(error, 'strerror', error)}")


def lacks_memory(error: BaseException) -> bool:
    """Return whether an error means a lack of memory, which each library reports in its own way.

    >>> lacks_memory(MemoryError()), lacks_memory(RuntimeError("can't start new thread"))
    (True, True)
    """
    return (
        isinstance(error, MemoryError)
        or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
        or (isinstance(error, RuntimeError) and "can't start new thread" in str(error))
        or (isinstance(error, ImportError) and "failed to map segment" in str(error))
        or (isinstance(error, OSError) and "find/load shared object" in str(error) and _limited())
    )


def _limited() -> bool:
    """Whether the address space is limited: then a library may exist and still not load."""
    try:
        import resource
    except ImportError:
        return False
    return resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY
