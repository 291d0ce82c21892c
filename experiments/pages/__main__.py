"""Write pages of docs anew: ``python -m experiments.pages [NAME ...]``, all if none is named.

A page is a module of this package with ``write(folder)``, which simulates what it shows and writes
page, tables and figures into the folder ``docs``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

PAGES = ("mappings", "networks", "mitigations", "reproduce", "studies")


def main(names: Sequence[str], folder: Path) -> None:
    """Write pages into ``folder``."""
    for name in names or PAGES:
        import_module(f"experiments.pages.{name}").write(folder)


if __name__ == "__main__":
    main(sys.argv[1:], Path("docs"))
