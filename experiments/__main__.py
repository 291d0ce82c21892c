"""The program ``pimsim``; ``python -m experiments`` is the same."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command; return its exit code. Ctrl-C is one line from the first moment."""
    try:
        from experiments import cli

        return cli.main()
    except KeyboardInterrupt:  # while that was imported
        print("pimsim: error: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
