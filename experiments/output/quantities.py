"""Numbers with their units, and ratios, in the words that tables and figures use.

>>> quantity(1_234_567_000, "ps"), quantity(2.5e9, "pJ"), quantity(0, "ps")
('1.23 ms', '2.5 mJ', '0 ps')
>>> slower(0.0494), slower(12.0), more_energy(0.0639), more_energy(1.0)
('20.2x slower', '12x faster', '15.6x more', 'the same')
"""

from __future__ import annotations

_LADDERS = {
    "ps": ("ps", "ns", "us", "ms", "s"),
    "pJ": ("pJ", "nJ", "uJ", "mJ", "J"),
}


def quantity(value: float, unit: str) -> str:
    """Three significant digits, in the unit that keeps them short."""
    ladder = _LADDERS[unit]
    step = 0
    while abs(value) >= 1000 and step < len(ladder) - 1:
        value, step = value / 1000, step + 1
    return f"{value:.3g} {ladder[step]}"


def slower(ratio: float, sign: str = "x") -> str:
    """A ratio of times, from 1 on in favour of what is spoken of."""
    return _times(ratio, sign, "faster", "slower")


def more_energy(ratio: float, sign: str = "x") -> str:
    """A ratio of energies, from 1 on in favour of what is spoken of."""
    return _times(ratio, sign, "less", "more")


def _times(ratio: float, sign: str, better: str, worse: str) -> str:
    times, word = (ratio, better) if ratio >= 1 else (1 / ratio, worse)
    shown = f"{times:,.0f}" if times >= 100 else f"{times:.3g}"
    return "the same" if shown == "1" else f"{shown}{sign} {word}"
