"""``python -m pimsim`` is ``pimsim``, the command that is installed with this package."""

from __future__ import annotations

import sys
from importlib import import_module


def main() -> int:
    """Run the command; return its exit code."""
    try:
        code: int = import_module("experiments.__main__").main()
    except KeyboardInterrupt:  # while that was imported
        print("pimsim: error: interrupted", file=sys.stderr)
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())
