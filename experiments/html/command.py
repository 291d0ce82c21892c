"""The command that was typed, rebuilt from its parsed arguments.

>>> import argparse
>>> from experiments.options.parser import Parser
>>> parser = Parser()
>>> _ = parser.add_argument("network")
>>> _ = parser.add_argument("--limit", type=int)
>>> typed("pimsim run", parser.parse_args(["my net.h5", "--limit", "3"]), "network")
"pimsim run 'my net.h5' --limit 3"
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator

_HOW = frozenset({"json", "draw", "page", "repair", "workers", "cluster"})
"""Options that no result depends on: they change the output, or who computes."""


def typed(command: str, args: argparse.Namespace, *positional: str) -> str:
    """Return the command line; ``positional`` are the names of arguments without a flag.

    Options that no result depends on are left out.
    """
    words = [str(getattr(args, name)) for name in positional]
    return shlex.join([*command.split(), *words, *_options(args)])


def _options(args: argparse.Namespace) -> Iterator[str]:
    for name, flag in args.given.items():
        value = getattr(args, name)
        if name in _HOW or not flag.startswith("-"):
            continue
        if value is True:
            yield flag
        elif value is False:
            yield f"--no-{flag[2:]}"
        else:
            for one in value if isinstance(value, list) else [value]:
                yield from (flag, str(one)) if not str(one).startswith("-") else (f"{flag}={one}",)
