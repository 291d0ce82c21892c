"""``pimsim circuit margin``."""

from __future__ import annotations

import argparse

NAME = "margin"
HELP = "margin"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe ``pimsim circuit margin``."""


def run(args: argparse.Namespace) -> int:
    """Print the result."""
    return 0
