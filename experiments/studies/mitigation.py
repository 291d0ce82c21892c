"""The study of what it takes, and gains, to do something about failures."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.studies.found import Found, Value, number

NAME = "mitigation"
TITLE = "Doing something about errors: what it takes, what it gains"
QUESTION = """\
Columns can be tested and left out, outputs computed three times and voted, majorities stored on
more rows, and outputs computed again where a checksum disagrees ([mitigations](mitigations.md) has
how). Each costs commands, columns or rows. Which is worth it depends on what goes wrong: weak
columns (10 % process variation), or noise (the failures of 8.5 %, put down to noise)."""
SWEEPS = {
    "mitigations-accuracy": "1,000 images, three chips at every point.",
    "mitigations-time": "Time an image when 10,000 share the rows, by cost-only books; retries as "
    "if nothing failed.",
    "mitigations-energy": "Energy an image, with Ambit's 22 % for every further wordline.",
}

_OPTIONS = ("tmr", "activation_rows", "retries", "screening")
_NOTHING: dict[str, Value] = {"tmr": "off", "activation_rows": 3, "retries": 0, "screening": 0}
_EFFECTS = {"static": "weak columns", "noise": "noise"}
_NAMES = {
    "tmr": "thrice, {}",
    "activation_rows": "{} rows",
    "retries": "{} retry",
    "screening": "screening",
}


def option(values: Mapping[str, Any]) -> str:
    """Return what is done, in words.

    >>> option({"tmr": "time", "activation_rows": 3, "retries": 0, "screening": 1})
    'thrice, time + screening'
    """
    words = [
        _NAMES[name].format(values[name]) for name in _OPTIONS if values[name] != _NOTHING[name]
    ]
    return " + ".join(words) or "nothing"


def rows(found: Mapping[str, Found]) -> list[dict[str, Any]]:
    """Return a row an option and effect: accuracy, and time and energy beside those of nothing."""
    accuracy, time, energy = (found[name] for name in SWEEPS)
    least = {one.name: one.at(**_NOTHING) for one in (time, energy)}
    result = []
    for point in accuracy.points:
        values = point["values"]
        own = {name: values[name] for name in _OPTIONS}
        result.append(
            {
                "effect": values["effect"],
                "option": option(own),
                "accuracy_percent": point["estimate"],
                "low_percent": point["low"],
                "high_percent": point["high"],
                "time_ratio": time.at(**own) / least[time.name],
                "energy_ratio": energy.at(**own) / least[energy.name],
            }
        )
    return result


def finding(found: Mapping[str, Found]) -> str:
    """Return what came out, in words."""
    lines = []
    for effect, words in _EFFECTS.items():
        own = {row["option"]: row for row in rows(found) if row["effect"] == effect}
        nothing = own["nothing"]
        gains = sorted(
            (row for name, row in own.items() if name != "nothing"),
            key=lambda row: (-row["accuracy_percent"], row["energy_ratio"]),
        )
        best = ", ".join(
            f"{row['option']} ({number(row['accuracy_percent'])} %, {row['time_ratio']:.2f}x time, "
            f"{row['energy_ratio']:.2f}x energy)"
            for row in gains[:4]
        )
        none = ", ".join(
            row["option"]
            for row in gains
            if row["accuracy_percent"] <= nothing["accuracy_percent"] + 0.1
        )
        lines.append(
            f"- **{words.capitalize()}**: {number(nothing['accuracy_percent'])} % if nothing is "
            f"done. Best: {best}. No gain: {none or 'none'}."
        )
    return "\n".join(
        [
            *lines,
            "",
            "Screening and repeating in place each help against one of the two: a column that is "
            "weak fails again when the output is computed again, and noise strikes the columns "
            "that passed every test. Repeating in other banks helps against both, at three times "
            "the commands. Only majorities on many rows help against both, at no commands, where "
            "chips allow them; their price is wordlines.",
        ]
    )


def prepare(folder: Path, chips: Path | None) -> None:
    """Nothing is needed."""


def draw(found: Mapping[str, Found], folder: Path) -> dict[str, Path]:
    """Draw accuracy against time and energy."""
    from matplotlib.figure import Figure

    from experiments.figures import style

    table = rows(found)
    names = list(dict.fromkeys(row["option"] for row in table))
    colours = ("0.35", "#0072b2", "#56b4e9", "#999933", "#ddcc77", "#cc6677", "#882255",
               "#aa4499", "#117733", "#44aa99")  # fmt: skip
    markers = "osDv^<>PX*"
    with style():
        figure = Figure(figsize=(7.6, 6.4), layout="constrained")
        panels = figure.subplots(2, 2, sharey="col", sharex="row", squeeze=False)
        for column, (effect, words) in enumerate(_EFFECTS.items()):
            for axes, (field, label) in zip(
                panels[:, column],
                (("time_ratio", "time, times that of nothing"),
                 ("energy_ratio", "energy, times that of nothing")), strict=True,
            ):  # fmt: skip
                for index, name in enumerate(names):
                    (row,) = (r for r in table if (r["effect"], r["option"]) == (effect, name))
                    middle = row["accuracy_percent"]
                    axes.errorbar(
                        row[field],
                        middle,
                        [[middle - row["low_percent"]], [row["high_percent"] - middle]],
                        marker=markers[index],
                        markersize=6,
                        color=colours[index],
                        linewidth=0.9,
                        capsize=2,
                        linestyle="none",
                        label=name,
                    )
                axes.set_xscale("log", base=2)
                axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
                axes.set_xlabel(label)
                axes.set_title(words if field == "time_ratio" else "")
            panels[0, column].set_ylabel("accuracy (%)")
            panels[1, column].set_ylabel("accuracy (%)")
        handles, labels = panels[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
        path = folder / "mitigations.png"
        figure.savefig(path, dpi=150, metadata={"Software": None})
    with (folder / "mitigations.csv").open("w", encoding="utf-8", newline="") as sheet:
        out = csv.DictWriter(sheet, list(table[0]), lineterminator="\n")
        out.writeheader()
        out.writerows(table)
    return {"mitigations": path}
