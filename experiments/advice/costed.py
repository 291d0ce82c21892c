"""The report of ``pimsim run --cost-only``, without starting a process.

>>> words = ["run", "lenet5", "--cost-only", "--limit", "2"]
>>> report(words)["images"]
2
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

from experiments.options import subcommands
from experiments.options.option import require_effects
from experiments.options.parser import Parser
from pimsim.errors import InputError

if TYPE_CHECKING:
    from experiments.options.option import Rule


class _Parser(Parser):
    """Raises an InputError where the command line would print a message."""

    def error(self, message: str) -> NoReturn:
        raise InputError(message)


@cache
def _parser() -> tuple[_Parser, tuple[Rule, ...]]:
    from experiments.commands import run

    parser = _Parser(allow_abbrev=False)
    run.add_arguments(parser)
    return parser, subcommands.rules(run, parser)


def report(words: Sequence[str]) -> dict[str, Any]:
    """Return the report.

    Args:
        words: the words of the command after ``pimsim``; the first is ``run``.

    Raises :class:`~pimsim.errors.InputError` for what the command would refuse.
    """
    from experiments.report import simulated

    parser, rules = _parser()
    args = parser.parse_args([*words[1:]])
    require_effects(args, rules)
    simulated.require_sensible(args)
    if not args.cost_only:
        raise InputError("`--cost-only` must be given: nothing is executed here")
    return simulated.simulate(args)[0]
