"""Everything pimsim raises on purpose.

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


class PimsimError(Exception):
    """Base of every error that pimsim raises on purpose."""


class InputError(PimsimError, ValueError):
    """A value given by the user (argument, file, array) is not what it must be."""


class DramError(PimsimError):
    """A command that the simulated DRAM cannot carry out, such as activating an unwritten row."""


class OutOfRowsError(DramError):
    """A program needs more D-group rows than a subarray has free; the message says how many."""
