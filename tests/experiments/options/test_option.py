"""Every option of every subcommand: its values are checked, and it has an effect or is refused."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import pytest

from experiments import cli
from experiments.options import option as options
from experiments.options.option import Rule

Leaf = tuple[str, argparse.ArgumentParser]

POSITIONALS = {
    "run": ["digits-mlp"],
    "compare": ["absent", "absent-too"],
    "advise": ["digits-mlp"],
    "circuit convert": ["absent.csv"],
    "circuit fit": ["ambit-like"],
    "trace cost": ["absent.json"],
    "chips program": ["maj3"],
    "chips run": ["digits-mlp"],
    "sweep": ["tra-failure"],
    "study": ["variation"],
    "train": ["digits-mlp", "--out", "x.h5"],
    "completion": ["bash"],
}
"""What a subcommand must be given."""

WITHOUT_EFFECT = {
    "needs --variation": [],
    "must come with the name of one and without --json": [],
    "must come with the name of one standard and without --json": [],
    "needs --variation or --failures": [],
    "needs --variation, --failures or --disturbance-flips": [],
    "needs --disturbance, and must not be given with --cost-only: nothing is computed": [],
    "needs --wait-ms, the time that cells leak for": ["--variation", "5"],
    "needs --out: nothing else is written": [],
    "needs --out and report.html: the page shows it": [],
    "needs --trace": [],
    "needs --export": [],
    "must not come with --known or --recompute, which have their own": ["--known"],
    "must not come with --recompute": ["--recompute", "all"],
    "must not come with --operands rows: what a column counts does not depend on it": [
        "--operands", "rows",
    ],
    "needs --weights": [],
    "needs random weights, or --climb": ["--operands", "rows"],
    "must not come with --known: nothing is searched for": ["--known"],
    "needs --csv, --out or --check-ngspice: nothing else has waveforms": [],
    "needs --out: else nothing is drawn": [],
    "needs --curve: nothing else is drawn": ["--no-curve"],
    "needs --faw or --energy datasheet: nothing else counts ACTIVATEs": [
        "--no-faw", "--energy", "ambit-paper",
    ],
    "needs --energy datasheet: nothing else has standby": ["--energy", "ambit-paper"],
    "needs --executor compiled: the reference uses one processor": ["--executor", "reference"],
    "needs the name of a data set as --data: a file is read from where it is": [
        "--data", "mine.npz",
    ],
    "needs a study of real chips": [],
    "must not be given with --cost-only: nothing is computed": ["--cost-only"],
    "must not be given with --variation or --failures: no sum has to be right": [
        "--variation", "5",
    ],
    "must not be given with --no-measure": ["--no-measure"],
    "must not be given where nothing is written": ["--dry-run"],
    "must not be given with --fields, --dry-run or --draw: nothing is run": ["--draw"],
    "must not be given with a specification": [],
    "must not be given with --page: nothing is run": ["--page"],
}  # fmt: skip
"""By the message of a rule: with what else an option has no effect, beside what must be given."""

ALWAYS = {
    "accesses",
    "activation_rows",
    "acts_per_aap",
    "address_map",
    "banks",
    "best",
    "boxes",
    "chain",
    "channels",
    "chips",
    "check_ngspice",
    "clocked",
    "copies",
    "copy_out",
    "cost_only",
    "criterion",
    "csv",
    "curve",
    "data",
    "disturbance",
    "distance",
    "draw",
    "dry_run",
    "energy",
    "export",
    "extra_wordline_factor",
    "fan_in",
    "faw",
    "format",
    "guard_rows",
    "help",
    "html",
    "ideas",
    "idle_ranks",
    "input_scale",
    "input_shape",
    "inputs",
    "json",
    "labels",
    "limit",
    "mapping",
    "measure",
    "method",
    "moves",
    "network",
    "open_bank_share",
    "operands",
    "operation",
    "out",
    "page",
    "path",
    "pattern",
    "preset",
    "process",
    "recipe",
    "recompute",
    "refit",
    "refresh",
    "repair",
    "restore_ns",
    "resume",
    "retries",
    "rows",
    "samples",
    "screening",
    "seed",
    "settings",
    "size",
    "split",
    "split_decoder",
    "standard",
    "statistic",
    "t1",
    "t2",
    "tmr",
    "toml",
    "top",
    "trace",
    "variation",
    "wait_ms",
}
"""Options that act on whatever a command does, or are refused where it reads what they are for."""


def _leaves(parser: argparse.ArgumentParser | None = None, name: str = "") -> Iterator[Leaf]:
    """Every subcommand that does something, by its words."""
    parser = parser or cli.build_parser()
    groups = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    for group in groups:
        for word, part in group.choices.items():
            yield from _leaves(part, f"{name} {word}".strip())
    if not groups:
        yield name, parser


LEAVES = dict(_leaves())
OPTIONS = [
    (name, action)
    for name, parser in LEAVES.items()
    for action in parser._actions
    if action.option_strings and action.dest != "help"
]
NAMES = [f"{name} {action.option_strings[0]}" for name, action in OPTIONS]


def _rules(name: str) -> tuple[Rule, ...]:
    found: tuple[Rule, ...] = LEAVES[name].get_default("rules")
    return found


def _refusal(capsys: pytest.CaptureFixture[str], name: str, *words: str) -> str:
    assert cli.main([*name.split(), *POSITIONALS.get(name, []), *words]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    return printed.err


def _bad(capsys: pytest.CaptureFixture[str], name: str, *words: str) -> str:
    """What the parser of a subcommand says of words that it does not take."""
    with pytest.raises(SystemExit) as stop:
        LEAVES[name].parse_args([*POSITIONALS.get(name, []), *words])
    assert stop.value.code == 2
    return capsys.readouterr().err


def _sample(action: argparse.Action) -> list[str]:
    """An option with a value that its type takes."""
    if action.nargs == 0:
        return [action.option_strings[-1]]
    declared = options.of(action)
    least = declared.range.least if declared is not None and declared.range is not None else 1
    value = str(next(iter(action.choices))) if action.choices else str(max(1, least))
    return [action.option_strings[0], value]


def test_every_option_acts_always_or_has_a_rule() -> None:
    from experiments.options import train

    of_training = {option.name for group in train._GROUPS.values() for option in group}
    for name, action in OPTIONS:
        ruled = {option for rule in _rules(name) for option in rule.options}
        assert action.dest in ruled | ALWAYS or (
            name == "train" and action.dest in of_training | {"data_dir"}
        ), (
            f"`{action.option_strings[0]}` of `pimsim {name}`: name in a Rule what it needs or "
            f'excludes, or, if it always acts, add "{action.dest}" to ALWAYS in this file'
        )


@pytest.mark.parametrize(
    ("name", "message", "option"),
    [(name, rule.message, option) for name in LEAVES for rule in _rules(name)
     for option in rule.options],
)  # fmt: skip
def test_an_option_without_effect_is_refused(
    name: str, message: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    action = next(a for a in LEAVES[name]._actions if a.dest == option)
    with_it = WITHOUT_EFFECT[message]
    if "--variation" in with_it and (name != "run" or option == "variation"):
        with_it = []
    said = _refusal(capsys, name, *with_it, *_sample(action))
    assert said == f"pimsim: error: `{_sample(action)[0]}` {message}\n"


@pytest.mark.parametrize(("name", "action"), OPTIONS, ids=NAMES)
def test_a_value_is_held_against_the_type(
    name: str, action: argparse.Action, capsys: pytest.CaptureFixture[str]
) -> None:
    option = action.option_strings[0]
    if action.nargs == 0:
        assert f"`{option}` takes no value, not" in _bad(capsys, name, f"{option}=3")
        return
    if action.nargs == "?":  # then it means the value that is named in its help
        words = [*name.split(), *POSITIONALS.get(name, []), option]
        assert getattr(cli.build_parser().parse_args(words), action.dest) == action.const
    else:
        assert f"`{option}` needs a value" in _bad(capsys, name, option)
    for empty in ("", "  "):
        assert f"`{option}` must not be empty" in _bad(capsys, name, option, empty)
    declared = options.of(action)
    words = "" if declared is None else "".join(f"{word} or " for word in declared.words)
    if action.type is int:
        for bad in ("x", "1.5", "nan", "-"):
            assert f"`{option}` must be {words}an integer, not '{bad}'" in _bad(
                capsys, name, f"{option}={bad}"
            )
    if action.type is float:
        assert f"`{option}` must be a number, not 'x'" in _bad(capsys, name, option, "x")
        for bad in ("nan", "inf", "-inf", "1e999"):
            assert f"`{option}` must be a finite number, not {bad}" in _bad(
                capsys, name, option, bad
            )
    if action.type in (int, float) and not action.choices:
        assert declared is not None
        known = declared.range
        assert known is not None  # a number without a range may run for ever
        must = f"`{option}` must be {words}{known.text(declared.in_unit)}, not "
        step = 1 if known.whole else 1e-3
        beyond = [known.least - step, known.most + step, "9" * 30, "-" + "9" * 30, "9" * 5000]
        for bad in beyond if known.whole else beyond[:-1]:
            said = _bad(capsys, name, f"{option}={bad}")
            assert must in said
            assert len(said) < 300
        for right in known[:2]:
            words = [*POSITIONALS.get(name, []), f"{option}={right}"]
            assert getattr(LEAVES[name].parse_args(words), action.dest) == right
    if action.choices:
        first = str(next(iter(action.choices)))
        assert f"`{option}` must be " in _bad(capsys, name, option, f"{first}x")
