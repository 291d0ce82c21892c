"""Runs and parts side by side: differences in settings and in results.

>>> one, other = ({"assumptions": {"banks": banks}, "network": "n", "data": None, "images": 1,
...                "cost_only": True} for banks in (8, 4))
>>> differences([Contender("a", one), Contender("b", other)])
[('banks', (8, 4))]
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pimsim.errors import InputError

Report = Mapping[str, Any]

FILE = "report.json"
_LONG = 32
"""A value with more letters than this is an explanation rather than a choice."""
_RUN = ("network", "data", "images", "cost_only")
"""Settings that say what was run; the other settings are the assumptions."""
_NEEDED = (*_RUN, "assumptions", "layers", "latency_ps", "energy_pj", "accuracy", "bit_exact")


@dataclass(frozen=True, slots=True)
class Contender:
    """A run, or its estimated cost on a part."""

    name: str
    """Its name for the reader."""
    report: Report
    command: str = ""
    """The command that gives the report; empty if it was read from a folder."""

    @property
    def time_ps(self) -> float:
        """Time of an image, its share of the batch."""
        return float(self.report["latency_ps"]) / int(self.report["images"])

    @property
    def energy_pj(self) -> float | None:
        """Energy of an image, its share of the batch; None where it is not stated."""
        total_pj = self.report["energy_pj"]["total"]
        return None if total_pj is None else float(total_pj) / int(self.report["images"])

    @property
    def mode(self) -> str:
        """The energy model."""
        return str(self.report["assumptions"]["energy"])


def read(path: Path) -> Report:
    """Read the report of a run, from its folder or from the file itself.

    Raises InputError if there is none, or if it is not the report of a run.
    """
    file = path / FILE if path.is_dir() else path
    try:
        report = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no JSON"
        raise InputError(
            f"a run must be the folder of `pimsim run --out`, not {str(path)!r}: {FILE}: {why}"
        ) from error
    missing = [name for name in _NEEDED if name not in report] if isinstance(report, dict) else [""]
    if missing:
        raise InputError(
            f"{str(file)!r} must be the report of `pimsim run`; it is of something else"
        )
    return dict(report)


def differences(contenders: Sequence[Contender]) -> list[tuple[str, tuple[Any, ...]]]:
    """Return the settings that differ, with their values; long ones last."""
    settings = [
        {**{name: one.report[name] for name in _RUN}, **one.report["assumptions"]}
        for one in contenders
    ]
    names = dict.fromkeys(name for one in settings for name in one)
    found = [(name, tuple(one.get(name) for one in settings)) for name in names]
    differing = [one for one in found if any(value != one[1][0] for value in one[1])]
    return sorted(differing, key=lambda one: any(len(str(value)) > _LONG for value in one[1]))


def against(one: Contender, first: Contender) -> tuple[float | None, float | None]:
    """Return how many times faster it is than the first, and how many times less energy it uses.

    Each is None if it cannot be compared: for different networks, and for energies of different
    models.
    """
    if one.report["network"] != first.report["network"]:
        return None, None
    time = first.time_ps / one.time_ps if one.time_ps and first.time_ps else None
    mine, theirs = one.energy_pj, first.energy_pj
    return time, theirs / mine if one.mode == first.mode and mine and theirs else None


def layers(contenders: Sequence[Contender]) -> list[tuple[str, list[Mapping[str, Any] | None]]]:
    """Return the layers by name, each with its row in every report; None if a report has none."""
    rows = [{layer["name"]: layer for layer in one.report["layers"]} for one in contenders]
    names = dict.fromkeys(name for one in rows for name in one)
    return [(name, [one.get(name) for one in rows]) for name in names]


def document(contenders: Sequence[Contender]) -> dict[str, Any]:
    """Return the comparison as JSON values; ratios are of the first over each."""
    first = contenders[0]
    return {
        "settings": [
            {"setting": name, "values": list(values)} for name, values in differences(contenders)
        ],
        "compared": [
            {
                "name": one.name,
                "command": one.command or None,
                **{name: one.report[name] for name in _RUN},
                "accuracy": one.report["accuracy"],
                "bit_exact": one.report["bit_exact"],
                "latency_ps_per_image": one.time_ps,
                "energy_pj_per_image": one.energy_pj,
                "energy": one.mode,
                **dict(zip(("speedup", "energy_ratio"), against(one, first), strict=True)),
            }
            for one in contenders
        ],
    }
