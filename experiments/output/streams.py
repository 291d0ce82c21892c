"""Standard streams as a program finds them in a shell, a service or a container."""

from __future__ import annotations

import io
import logging
import os
import sys


def make_ready() -> None:
    """Open what is closed of the standard streams, and let no character be an error.

    A closed stream is one that nobody reads: what is written there is dropped, instead of ending up
    in the next file that is opened, or in the other stream.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")
    # A home folder that cannot be written to is nothing to warn of: it caches elsewhere.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)


def drop_output() -> None:
    """Send what is left of the output nowhere: Python would complain of it once more on exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
