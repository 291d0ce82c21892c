"""The learning curve of a training: a figure, and the table behind it.

It is drawn from the epochs that the model card lists.

>>> import tempfile
>>> from bnn.training.card import Epoch
>>> history = [Epoch(1, 0.9, 0.7, 0.6, 1.0), Epoch(2, 0.5, 0.8, 0.7, 1.0)]
>>> with tempfile.TemporaryDirectory() as folder:
...     [path.name for path in draw("tiny", history, Path(folder) / "tiny.keras")]
['tiny.curve.png', 'tiny.curve.csv']
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from bnn.training.card import Epoch, best
from experiments.figures.style import INK, PUBLISHED, fit, style, write
from experiments.output import sheets

_LOSSES = {"loss": "training", "validation_loss": "validation"}
_ACCURACIES = {
    "train_accuracy": "training",
    "validation_accuracy": "validation",
    "test_accuracy": "test",
}
_LINES = {"training": ("0.55", "-"), "validation": (PUBLISHED, "--"), "test": (INK, "-")}


def paths(out: Path) -> tuple[Path, Path]:
    """Return where the curve of the model file ``out`` is written, as PNG and as CSV."""
    return out.with_suffix(".curve.png"), out.with_suffix(".curve.csv")


def draw(network: str, history: Sequence[Epoch], out: Path) -> tuple[Path, Path]:
    """Write loss and accuracy over the epochs beside the model file ``out``.

    If there are validation images, a thin line marks the epoch with their smallest loss.

    Args:
        network: name of the network, for the title.
        history: at least one epoch.
        out: the model file.
    """
    image, table = paths(out)
    rows = [_known(epoch, history) for epoch in history]
    sheets.write(table, rows)
    with style():
        figure = Figure(figsize=(6.8, 2.5))
        left, right = figure.subplots(1, 2)
        _panel(left, rows, _LOSSES, "Loss")
        _panel(right, rows, _ACCURACIES, "Classified right")
        right.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
        taken = best(history)
        if taken is not None:
            for axes in (left, right):
                axes.axvline(taken, color="0.7", linewidth=0.6, zorder=0)
        left.set_title(f"{network}: loss")
        right.set_title("Classified right")
        fit(figure)
        return write(figure, image), table


def _known(epoch: Epoch, history: Sequence[Epoch]) -> dict[str, Any]:
    """Give an epoch without the columns that no epoch has."""
    return {
        name: value
        for name, value in asdict(epoch).items()
        if any(getattr(one, name) is not None for one in history)
    }


def _panel(
    axes: Axes, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], label: str
) -> None:
    epochs = [row["epoch"] for row in rows]
    marker = "o" if len(rows) == 1 else None
    for column, name in columns.items():
        if column in rows[0]:
            colour, dashes = _LINES[name]
            axes.plot(
                epochs, [row[column] for row in rows], dashes, color=colour, linewidth=1.1,
                label=name, marker=marker, markersize=3,
            )  # fmt: skip
    axes.set_xlabel("epoch")
    axes.set_ylabel(label.lower())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
