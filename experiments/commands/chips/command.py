"""``pimsim chips``: unmodified DDR4 chips. It runs one of its subcommands."""

from __future__ import annotations

from experiments.commands.chips.groups import Groups
from experiments.commands.chips.network import Network
from experiments.commands.chips.primitives import Primitives
from experiments.commands.chips.program import Program
from experiments.options.subcommands import Group

CHIPS = Group(
    "chips",
    "unmodified DDR4 chips: what they compute, how well, at what cost",
    "What unmodified DDR4 chips compute when their timing is violated (docs/off-the-shelf.md).\n",
    "examples:\n  pimsim chips primitives\n  pimsim chips program maj3 --size 32\n"
    "  pimsim chips run digits-mlp --rows 32 --best 0.5\n",
    "subcommands",
    (Primitives(), Groups(), Program(), Network()),
)
