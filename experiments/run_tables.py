"""A run's report as tables on the terminal.

>>> quantity(1_234_567_000, "ps"), quantity(2.5e9, "pJ"), quantity(0, "ps")
('1.23 ms', '2.5 mJ', '0 ps')
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments import tables

_FEW = 0.1
"""Column utilisation below which a batch is too small for the DRAM's rows."""

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


def show(report: Mapping[str, Any]) -> None:
    """Print layers, totals, baselines and assumptions."""
    header = ("layer", "where", "MACs/image", "AAP", "AP", "RD", "WR", "column use", "time")
    tables.show(
        (*header, "writing inputs", "energy"),
        [_layer(layer) for layer in report["layers"]],
        title=f"{report['network']} on {report['data']}: {report['images']:,} images",
    )
    for name, text in _summary(report):
        tables.console().print(f"{name:12}{text}", markup=False)
    print()
    if report["baselines"]:
        tables.show(
            ("processor behind the same DRAM", "time", "energy", "DRAM is faster", "takes less"),
            [
                (
                    name,
                    quantity(baseline["latency_ps"], "ps"),
                    quantity(baseline["energy_pj"], "pJ"),
                    f"{baseline['speedup']:.3g}x",
                    f"{baseline['energy_ratio']:.3g}x",
                )
                for name, baseline in report["baselines"].items()
            ],
        )
    tables.show_assumptions(report["assumptions"])


def _layer(layer: Mapping[str, Any]) -> tuple[str, ...]:
    commands = layer["commands"]
    used = layer["column_utilisation"]
    return (
        layer["name"],
        layer["where"],
        f"{layer['macs']:,}",
        *(f"{commands[kind]:,}" for kind in ("AAP", "AP", "RD", "WR")),
        "" if used is None else f"{used:.1%}",
        quantity(layer["latency_ps"], "ps"),
        f"{layer['phases']['inputs']['latency_ps'] / (layer['latency_ps'] or 1):.0%} of it",
        quantity(layer["energy_pj"], "pJ"),
    )


def _summary(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    images, once = report["images"], report["weights_once"]
    exact = {True: "yes", False: "NO", None: "not checked"}[report["bit_exact"]]
    rate = report["throughput_images_per_s"]
    rows = [
        ("bit exact", f"{exact} ({report['sums_checked']:,} sums compared)"),
        ("commands", ", ".join(f"{n:,} {kind}" for kind, n in report["commands"].items() if n)),
        (
            "latency",
            f"{quantity(report['latency_ps'], 'ps')}"
            + ("" if rate is None else f", {rate:,.0f} images/s"),
        ),
        (
            "energy",
            f"{quantity(report['energy_pj']['total'], 'pJ')}, "
            f"{quantity(report['energy_pj']['total'] / images, 'pJ')} an image",
        ),
        (
            "weights",
            f"loaded once: {quantity(once['latency_ps'], 'ps')}, "
            f"{quantity(once['energy_pj'], 'pJ')}"
            if once["latency_ps"]
            else "in the command stream: nothing to load",
        ),
    ]
    if report["keras_equal"] is not None:
        verdict = "yes" if report["keras_equal"] else f"NO: {report['keras_difference']}"
        predict = f"Keras predicts in {report['keras_predict_s']:.3g} s"
        rows.insert(
            1,
            (
                "as Keras",
                f"{verdict} ({predict}, pimsim executes in {report['wall_s']['execute']:.3g} s)",
            ),
        )
    uses = [layer["column_utilisation"] for layer in report["layers"] if layer["subarrays"]]
    if uses and max(uses) < _FEW:
        rows.append(("column use", f"{max(uses):.1%} at most: more images would cost little more"))
    if report["accuracy"] is not None:
        rows.insert(0, ("accuracy", f"{report['accuracy']:.2%}"))
    reuse = report["break_even_reuse"]
    if reuse is not None:
        least = f"if it uses each fetched bit {reuse:.3g} times" if reuse > 1 else "without reuse"
        rows.append(("break-even", f"a processor needs no more energy {least}"))
    return rows
