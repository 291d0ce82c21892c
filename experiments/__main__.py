"""The program ``pimsim``; ``python -m experiments`` is the same."""

from __future__ import annotations

import atexit
import gc
import sys

from experiments import COLLECTED_AFTER


def main() -> int:
    """Run the command; return its exit code. Ctrl-C is one line from the first moment."""
    gc.set_threshold(*COLLECTED_AFTER)  # or else all that a command made is walked over at its end
    atexit.register(gc.freeze)  # what is left goes with the process, and is not walked over
    try:
        from experiments import cli

        return cli.main()
    except KeyboardInterrupt:  # while that was imported
        print("pimsim: error: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
