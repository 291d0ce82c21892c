"""The program ``pimsim``; ``python -m experiments`` is the same."""

from __future__ import annotations

import atexit
import gc
import os
import sys

from experiments import COLLECTED_AFTER

_IDLE = "OPENBLAS_THREAD_TIMEOUT", "4"
"""Idle threads of numpy's OpenBLAS go to sleep after 2**4 cycles. By default they ask for work for
2**26 cycles after every product, which was up to a fifth of the processor time of a run. OpenBLAS
reads it when numpy is imported (its `docs/runtime_variables.md`, and `driver/others/blas_server.c`
of version 0.3.23)."""


def main() -> int:
    """Run the command; return its exit code. Ctrl-C is one line from the first moment."""
    gc.set_threshold(*COLLECTED_AFTER)  # or else all that a command made is walked over at its end
    atexit.register(gc.freeze)  # what is left goes with the process, and is not walked over
    os.environ.setdefault(*_IDLE)
    try:
        from experiments import cli

        return cli.main()
    except KeyboardInterrupt:  # while that was imported
        print("pimsim: error: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
