"""Accuracy of a network on measured chips, against the rows that a majority opens."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from experiments.studies.study import Found, Study, number
from pimsim.errors import InputError

_QUESTION = """\
Off-the-shelf DDR4 chips compute majorities when their timing is violated: SiMRA (Yuksel et al., DSN
2024) measured how many bitlines get a majority of three right in every trial when each operand
is stored on one to ten rows. How accurate is `mnist-mlp` on such chips? Their success rates become
a failure table (`pimsim circuit convert`): bitlines that fail become columns that are always weak.
The publication does not say for which patterns a bitline fails. So both extremes are shown: for
every pattern with as many ones (`half`), or for a single pattern (`sixth`)."""
_TABLES = {
    "random data, half": ("random", "half"),
    "random data, sixth": ("random", "sixth"),
    "fixed data, half": ("all0/1", "half"),
    "fixed data, sixth": ("all0/1", "sixth"),
}
_CHIPS = "simra_success_boxstats.csv"
"""The file that the folder `--chips` must contain."""
_SWEEPS = {
    "chips-simra": "1,000 images, three chips at every point; operands all 0 or all 1 along the "
    "row (fixed), or random.",
}
_SPEC = """\
name = "chips-simra"
measure = "accuracy"

[fixed]
network = "mnist-mlp"
images = 1000

[axes]
failures = [{tables}]
activation_rows = [4, 8, 16, 32]

[figure]
title = "mnist-mlp on measured chips (SiMRA)"
kind = "lines"
x = "activation_rows"
lines = "failures"

[stop]
trials = 3
least_trials = 3
"""


def _finding(found: Mapping[str, Found]) -> str:
    """Return the finding."""
    from bnn import zoo

    (one,) = found.values()
    right = zoo.entry("mnist-mlp").accuracy
    lines = []
    for name in _TABLES:
        table = _file(name)
        values = ", ".join(
            f"{number(one.at(failures=table, activation_rows=rows))} %"
            for rows in one.values("activation_rows")
        )
        lines.append(f"- {name}: {values}.")
    worst, best = (
        [one.at(failures=_file(name), activation_rows=rows) for name in _TABLES] for rows in (4, 32)
    )
    return "\n".join(
        [
            f"Accuracy on 4, 8, 16 and 32 rows (without errors {100 * right:.1f} % of all test "
            "images):",
            "",
            *lines,
            "",
            f"On 4 rows, as few as a majority can be stored on there, the network is of little use "
            f"({number(min(worst))} to {number(max(worst))} %); on 32 it keeps {number(min(best))} "
            f"to {number(max(best))} %. Replication is what makes such chips usable, and what it "
            "takes is rows, not time: one multi-row copy fills all of them.",
        ]
    )


def _file(name: str) -> str:
    return f"{name.replace(', ', '-').replace(' ', '-')}.json"


def _prepare(folder: Path, chips: Path | None) -> None:
    """Convert the measurements into failure tables, and write the specification that reads them.

    Raises InputError if the measurements are not there.
    """
    from pimsim.circuit.failure_tables.chips import Wanted, read, table

    data = os.environ.get("PIMSIM_DATA")
    where = chips or (Path(data) / "real-chips" if data else None)
    if where is None or not (where / _CHIPS).exists():
        raise InputError(
            f"`--chips` must be a folder with {_CHIPS} (SiMRA's success rates, which are not part "
            f"of pimsim), not {str(where) if where else 'nothing'}"
        )
    summary = read(where / _CHIPS)
    for name, (pattern, split) in _TABLES.items():
        made = table([summary], Wanted(rows=(4, 8, 16, 32), pattern=pattern, split=split))
        (folder / _file(name)).write_text(made.to_json(), "utf-8")
    (folder / "chips-simra.toml").write_text(spec(), "utf-8")


def spec() -> str:
    """Return the specification of the sweep, which reads the tables beside it."""
    tables = ", ".join(f'"{_file(name)}"' for name in _TABLES)
    return _SPEC.format(tables=tables)


STUDY = Study(
    "chips",
    "Measured chips: majorities on 4 to 32 rows",
    _QUESTION,
    _SWEEPS,
    _finding,
    _prepare,
    chips=_CHIPS,
)
