"""Options of the command line as keyword arguments of Python.

>>> from experiments.commands import run
>>> parsed(run, ["digits-mlp"], {"limit": 5, "faw": False}).faw
False
>>> parsed(run, ["digits-mlp"], {"limits": 5})
Traceback (most recent call last):
    ...
pimsim.errors.InputError: unknown option `limits`; did you mean `limit`?
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from experiments.options import places, subcommands
from experiments.options.option import require_effects
from experiments.options.parser import Parser
from pimsim.documents import nearest
from pimsim.errors import InputError

_NEVER = frozenset({"help", "json", "csv", "html", "parts"})
"""Options of the command line that are arguments of their own in Python."""
_WRITING = frozenset({"out", "format", "width", "notes"})
"""Options about written files, which a function that writes nothing does not have."""


class _Parser(Parser):
    """Raises an InputError where the command line would print a message."""

    def error(self, message: str) -> NoReturn:
        raise InputError(message)


def parsed(
    command: subcommands.Command,
    words: Sequence[str],
    given: Mapping[str, Any],
    *,
    writes: bool = False,
) -> argparse.Namespace:
    """Return the parsed arguments of a subcommand.

    Args:
        command: the subcommand.
        words: its positional arguments.
        given: options by name. None means the default. A list or a tuple has several values, for an
            option that may be repeated or takes values with commas between; a dict
            (``{"cell.capacitance_ff": 20}``) has parameters to set.
        writes: whether the function has ``out``, and so options of figures.

    Raises:
        InputError: an unknown option, or a value that the command line refuses.
    """
    parser = _Parser(allow_abbrev=False)
    command.add_arguments(parser)
    actions = {
        option.removeprefix("--").replace("-", "_"): action
        for action in parser._actions
        for option in action.option_strings
        if option.startswith("--") and not option.startswith("--no-")
    }
    known = tuple(sorted(actions.keys() - _NEVER - (set() if writes else _WRITING)))
    argv: list[str] = []
    for name, value in given.items():
        if name not in known and name in actions:
            raise InputError(
                f"option `{name}` is one of the command line alone: what it shows or writes is "
                "returned here"
            )
        if name not in known:
            raise InputError(f"unknown option `{name}`{nearest(name, known)}")
        if value is not None:
            argv += _words(name.replace("_", "-"), actions[name], value, parser)
    args = parser.parse_args([*argv, "--", *words] if words else argv)
    require_effects(args, subcommands.rules(command, parser))
    places.check(args, getattr(command, "WRITES", ()) if writes else ())
    return args


def _words(
    option: str, action: argparse.Action, value: object, parser: argparse.ArgumentParser
) -> list[str]:
    """The words by which the command line is given an option."""
    if value is False and f"--no-{option}" in parser._option_string_actions:
        return [f"--no-{option}"]
    if action.nargs == 0:  # a switch
        if not isinstance(value, bool):
            raise InputError(f"`{option.replace('-', '_')}` must be True or False, not {value!r}")
        if value:
            return [f"--{option}"]
        return []
    if action.nargs == "?" and value is True:  # without a value of its own
        return [f"--{option}"]
    if isinstance(value, Mapping):
        return [f"--{option}={key}={_text(one)}" for key, one in value.items()]
    if isinstance(value, list | tuple):
        if isinstance(action, argparse._AppendAction):
            return [f"--{option}={_text(one)}" for one in value]
        return [f"--{option}={','.join(map(_text, value))}"]
    return [f"--{option}={_text(value)}"]


def _text(value: object) -> str:
    return os.fspath(value) if isinstance(value, os.PathLike) else str(value)
