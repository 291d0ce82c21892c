"""The page of any subcommand of ``pimsim circuit`` that simulates.

>>> result = {"amounts": [], "rms_points": 0.4, "worst_points": 0.9,
...           "points": [{"label": "10 %", "published_percent": 0.29, "model_percent": 0.43,
...                       "residual_points": 0.14}], "assumptions": {"process": "ambit-like"}}
>>> found = page("fit", result, "", Path("."))
>>> found.title, found.answer[0]
('fit of ambit-like', 'The model is 0.4 percentage points (RMS) away from the published numbers.')
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from experiments.html.blocks import Page
from experiments.html.circuit import failures, fit, margin, transient
from experiments.html.circuit.frame import Result

_PAGES: Mapping[str, Callable[[str, Result, str, Path], Page]] = {
    "failures": failures.page, "margin": margin.page, "fit": fit.page,
}  # fmt: skip
"""Pages by subcommand; that of all others is of a transient."""


def page(subcommand: str, result: Result, command: str, folder: Path) -> Page:
    """Return the page.

    Args:
        subcommand: what stands behind ``pimsim circuit``.
        result: what it prints with ``--json``.
        command: what was typed.
        folder: where its figure lies.
    """
    return _PAGES.get(subcommand, transient.page)(subcommand, result, command, folder)
