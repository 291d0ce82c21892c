"""``pimsim completion``: a script with which a shell completes command lines."""

from __future__ import annotations

import argparse

NAME = "completion"
HELP = "print a script with which a shell completes commands, options and names"
LIBRARIES = "none"

SHELLS = ("bash", "zsh", "fish")

_DESCRIPTION = "Print a script for a shell, made from the options that this version has."

_EPILOG = """\
examples:
  pimsim completion bash > ~/.local/share/bash-completion/completions/pimsim
  pimsim completion zsh > ~/.zsh/completions/_pimsim      a folder of $fpath
  pimsim completion fish > ~/.config/fish/completions/pimsim.fish
  source <(pimsim completion bash)                        for this shell alone
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe ``pimsim completion``."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=", ".join(SHELLS))


def run(args: argparse.Namespace) -> int:
    """Print the script."""
    import shtab

    from experiments.cli import build_parser
    from experiments.options.parser import actions, is_path

    parser = build_parser()
    for action in actions(parser):
        if is_path(action):
            folder = action.metavar == "DIR"
            action.complete = shtab.DIRECTORY if folder else shtab.FILE  # type: ignore[attr-defined]
    print(shtab.complete(parser, args.shell), end="")
    return 0
