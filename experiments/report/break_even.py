"""A sentence on the reuse from which a processor takes less energy than the DRAM.

>>> baselines = {"reuse-aware": {"assumptions": {"reuse": 51.6}}}
>>> report = {"break_even_reuse": 3.25, "baselines": baselines}
>>> words(report)
'a processor takes less energy than the DRAM if it uses each bit that it fetches more than 3.25 \
times; `reuse-aware` uses it 51.6 times'
>>> words({**report, "break_even_reuse": 1.0}).partition(";")[0]
'a processor takes less energy than the DRAM even if it uses each bit that it fetches only once'
>>> words({**report, "break_even_reuse": None})
'a processor takes more energy than the DRAM however often it uses each bit that it fetches, for \
computing alone takes it more'
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.output.words import digits


def words(report: Mapping[str, Any]) -> str:
    """Return the sentence, without its full stop; the report has processors beside the DRAM."""
    least = report["break_even_reuse"]
    if least is None:
        return (
            "a processor takes more energy than the DRAM however often it uses each bit that it "
            "fetches, for computing alone takes it more"
        )
    often = f"if it uses each bit that it fetches more than {_times(least)}"
    once = "even if it uses each bit that it fetches only once"
    used = _times(report["baselines"]["reuse-aware"]["assumptions"]["reuse"])
    return (
        f"a processor takes less energy than the DRAM {often if least > 1 else once}; "
        f"`reuse-aware` uses it {used}"
    )


def _times(often: float) -> str:
    shown = digits(often)
    return "once" if shown == "1" else f"{shown} times"
