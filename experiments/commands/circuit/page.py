"""The page that every subcommand of ``pimsim circuit`` with a folder ``--out`` leaves there."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NAME = "report.html"


def write(
    subcommand: str, result: Mapping[str, Any], args: argparse.Namespace, folder: Path | None
) -> None:
    """Write the page, if one is asked for, when figures and tables lie in the folder.

    Args:
        subcommand: what stands behind ``pimsim circuit``.
        result: what it prints with ``--json``.
        args: its options.
        folder: None if nothing is written.
    """
    if folder is None or not args.html:
        return
    from experiments.html import command
    from experiments.html import page as files
    from experiments.html.circuit.page import page

    positional = ("process",) if subcommand == "fit" else ()
    typed = command.typed(f"pimsim circuit {subcommand}", args, *positional)
    files.write(page(subcommand, result, typed, folder), folder)


def told(args: argparse.Namespace) -> dict[str, str]:
    """Return where the page lies, for ``--json``; nothing if none is asked for."""
    return {} if args.out is None or not args.html else {"html": str(args.out / NAME)}
