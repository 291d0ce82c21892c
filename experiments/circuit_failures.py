"""``pimsim circuit failures``."""

from __future__ import annotations

import argparse

NAME = "failures"
HELP = "failures"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe ``pimsim circuit failures``."""


def run(args: argparse.Namespace) -> int:
    """Print the result."""
    return 0
