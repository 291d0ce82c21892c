"""Options that would have no effect, and what they need to have one.

A subcommand lists its :class:`Rule` s as ``RULES``; they are held before anything else is done, so
that nobody waits for a result that an option has not entered.

>>> rule = Rule(("celsius",), given("wait_ms"), "needs --wait-ms")
>>> args = argparse.Namespace(given={"celsius": "--celsius"}, celsius=95.0)
>>> check(args, [rule])
Traceback (most recent call last):
...
pimsim.errors.InputError: `--celsius` needs --wait-ms
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pimsim.errors import InputError

Condition = Callable[[argparse.Namespace], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """When some options have an effect."""

    options: tuple[str, ...]
    """Their destinations."""
    effective: Condition
    """Whether they have one, with everything else as it is."""
    message: str
    """What is to be said otherwise, behind the name of the option."""


def given(*options: str) -> Condition:
    """Return the condition that one of some options is given."""
    return lambda args: any(option in args.given for option in options)


def absent(*options: str) -> Condition:
    """Return the condition that none of some options is given."""
    return lambda args: not any(option in args.given for option in options)


def check(args: argparse.Namespace, rules: Iterable[Rule]) -> None:
    """Refuse an option that is given without an effect.

    Raises :class:`~pimsim.errors.InputError`.
    """
    for rule in rules:
        for option in rule.options:
            if option in args.given and not rule.effective(args):
                raise InputError(f"`{_as_given(args, option)}` {rule.message}")


def _as_given(args: argparse.Namespace, option: str) -> str:
    name: str = args.given[option]
    return f"--no-{name[2:]}" if getattr(args, option) is False else name
