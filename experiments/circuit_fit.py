"""``pimsim circuit fit``."""

from __future__ import annotations

import argparse

NAME = "fit"
HELP = "fit"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe ``pimsim circuit fit``."""


def run(args: argparse.Namespace) -> int:
    """Print the result."""
    return 0
