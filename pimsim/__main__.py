"""``python -m pimsim`` is ``pimsim``, the command that is installed with this package."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points


def main() -> int:
    """Run the command; return its exit code."""
    try:
        for command in entry_points(group="console_scripts", name="pimsim"):
            code: int = command.load()()
            return code
    except KeyboardInterrupt:  # while that was imported
        print("pimsim: error: interrupted", file=sys.stderr)
        return 130
    print("pimsim: error: the command must be installed: pip install .", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
