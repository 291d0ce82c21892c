"""The study of mitigations: what they cost, and how much accuracy they save."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.output import sheets
from experiments.studies.study import Found, Study, number
from experiments.sweep.results import Value

_QUESTION = """\
Columns can be tested and left out, outputs computed three times and voted, majorities stored on
more rows, and outputs computed again where a checksum disagrees ([mitigations](mitigations.md) has
how). Each costs commands, columns or rows. Which pays depends on the kind of error: weak
columns (10 % process variation), or noise (as many failures as at 8.5 %, but in any column)."""
_SWEEPS = {
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
    """Return the name of a mitigation.

    >>> option({"tmr": "time", "activation_rows": 3, "retries": 0, "screening": 1})
    'thrice, time + screening'
    """
    words = [
        _NAMES[name].format(values[name]) for name in _OPTIONS if values[name] != _NOTHING[name]
    ]
    return " + ".join(words) or "nothing"


def rows(found: Mapping[str, Found]) -> list[dict[str, Any]]:
    """Return a row for each mitigation and effect: accuracy, relative time and energy."""
    accuracy, time, energy = (found[name] for name in _SWEEPS)
    least = {one.name: one.at(**_NOTHING) for one in (time, energy)}
    result = []
    for point in accuracy.points:
        values = point.values
        own = {name: values[name] for name in _OPTIONS}
        result.append(
            {
                "effect": values["effect"],
                "option": option(own),
                "accuracy_percent": point.estimate,
                "low_percent": point.low,
                "high_percent": point.high,
                "time_ratio": time.at(**own) / least[time.name],
                "energy_ratio": energy.at(**own) / least[energy.name],
            }
        )
    return result


def _finding(found: Mapping[str, Found]) -> str:
    """Return the finding."""
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
            "Screening helps against weak columns only, as noise strikes columns that passed every "
            "test. Repeating in place helps against noise only, as a weak column fails again. "
            "Repeating in other banks helps against both, for three times the commands. So do "
            "majorities on 16 or 32 rows, where chips allow them: they take no more commands, but "
            "many wordlines.",
        ]
    )


def _draw(found: Mapping[str, Found], folder: Path) -> dict[str, Path]:
    """Draw the accuracy of every mitigation against its cost."""
    from matplotlib.figure import Figure

    from experiments.figures.style import INK, PUBLISHED, save, style

    table = rows(found)
    names = list(dict.fromkeys(row["option"] for row in table))
    places = range(len(names), 0, -1)
    with style():
        figure = Figure(figsize=(6.8, 3.4))
        left, middle, right = figure.subplots(1, 3, sharey=True)
        for axes, (effect, words) in zip((left, middle), _EFFECTS.items(), strict=True):
            own = [
                r for name in names for r in table if (r["effect"], r["option"]) == (effect, name)
            ]
            axes.axvline(own[0]["accuracy_percent"], color="0.7", linewidth=1.0, linestyle="--")
            accuracy = [row["accuracy_percent"] for row in own]
            reach = [
                [row["accuracy_percent"] - row["low_percent"] for row in own],
                [row["high_percent"] - row["accuracy_percent"] for row in own],
            ]
            axes.errorbar(accuracy, places, xerr=reach, fmt="o", capsize=2, linewidth=1.0,
                          markersize=4, color=INK)  # fmt: skip
            axes.set_title(f"Against {words}")
            axes.set_xlabel("accuracy (%)")
        own = [r for name in names for r in table if (r["effect"], r["option"]) == ("static", name)]
        for field, words, look, up in (
            ("time_ratio", "time", {"color": INK, "marker": "D"}, 0.16),
            ("energy_ratio", "energy", {"color": PUBLISHED, "marker": "s",
                                        "markerfacecolor": "white"}, -0.16),
        ):  # fmt: skip
            right.plot([row[field] for row in own], [place + up for place in places],
                       linestyle="none", markersize=4, label=words, **look)  # fmt: skip
        right.set_title("What it takes")
        right.set_xscale("log", base=2)
        right.set_xlim(right=2 * max(row["energy_ratio"] for row in own))
        right.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
        right.set_xlabel("times that of nothing")
        right.legend(loc="center right")
        left.set_yticks(places, names)
        left.set_ylim(0.4, len(names) + 0.6)
        for axes in (left, middle, right):
            axes.yaxis.grid(visible=True)
            axes.tick_params(axis="y", length=0)
        caption = (
            "mnist-mlp, 1,000 images, three chips, intervals 95 % · weak columns: 10 % variation; "
            "noise: the failures of 8.5 % · dashed: nothing is done"
        )
        path = save(figure, caption, folder / "mitigations.png")
    (folder / "mitigations.csv").write_text(sheets.of_records(table), "utf-8", newline="")
    return {"mitigations": path}


STUDY = Study(
    "mitigation",
    "Mitigations: what they cost, and how much accuracy they save",
    _QUESTION,
    _SWEEPS,
    _finding,
    draw=_draw,
)
