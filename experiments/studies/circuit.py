"""How the circuit changes failures of an operation, and these the accuracy of a network."""

from __future__ import annotations

from collections.abc import Mapping

from experiments.studies.study import Found, Study, number

_QUESTION = """\
How far a triple-row activation moves the bitline follows from the capacitances of cell and bitline
and from the supply. Leakage takes some of that away, more when it is hot. Each is varied here,
first for a single activation and then for a whole network."""
_SWEEPS = {
    "tra-failure": "A triple-row activation (wrong if 110 or 100 is) against the ratio of bitline "
    "to cell capacitance.",
    "tra-vdd": "The same against the array's supply. Thresholds of the latch do not scale with it.",
    "tra-temperature": "The same, at 10 % variation, for cells that have waited without refresh. "
    "Leakage doubles every 13 degrees, and cells differ as those of the DDR4 modules that were "
    "measured (see [variation](variation.md)).",
    "tra-worst-cell": "The same after 64 ms if all cells were the worst one that a refresh window "
    "of 64 ms at 85 °C allows (preset `worst-cell`).",
    "tra-sensitivity": "Each parameter up and down by a fifth, alone, at 10 % variation.",
    "accuracy-circuit": "`mnist-mlp`, 1,000 images, three chips, at 10 % variation.",
    "accuracy-temperature": "The same at 7.5 % variation, by how long rows wait before they are "
    "activated.",
}


def _finding(found: Mapping[str, Found]) -> str:
    """Return the finding."""
    ratio, vdd, warm, worst, one_by_one, network, waited = (found[name] for name in _SWEEPS)
    low, high = min(ratio.values("cb_cs_ratio")), max(ratio.values("cb_cs_ratio"))
    supply = vdd.values("vdd_mv")
    hot = warm.values("celsius")
    base, *others = one_by_one.points
    most = max(others, key=lambda point: abs(point.estimate - base.estimate))
    changed = next(a for a in one_by_one.axes if most.values[a.field] != base.values[a.field])
    ratios, supplies = network.values("cb_cs_ratio"), network.values("vdd_mv")
    cold, hottest = waited.values("celsius")[0], waited.values("celsius")[-1]
    shortest, longest = min(warm.values("wait_ms")), max(waited.values("wait_ms"))
    long = max(warm.values("wait_ms"))
    lost = {
        ms: waited.at(wait_ms=ms, celsius=cold) - waited.at(wait_ms=ms, celsius=hottest)
        for ms in (shortest, longest)
    }
    return "\n".join(
        [
            f"- **Cb/Cs.** At 10 % variation a triple-row activation is wrong on "
            f"{ratio.text(variation_percent=10.0, cb_cs_ratio=low)} % of the bitlines at a ratio "
            f"of {low:g}, and {ratio.text(variation_percent=10.0, cb_cs_ratio=high)} % at "
            f"{high:g}. `mnist-mlp` goes from "
            f"{number(network.at(cb_cs_ratio=ratios[0], vdd_mv=1200.0))} to "
            f"{number(network.at(cb_cs_ratio=ratios[-1], vdd_mv=1200.0))} % over the same ratios.",
            f"- **VDD.** The latch's thresholds stay while the swing shrinks: at 10 % variation "
            f"{vdd.text(variation_percent=10.0, vdd_mv=supply[-1])} % are wrong at "
            f"{supply[-1]:g} mV, {vdd.text(variation_percent=10.0, vdd_mv=supply[0])} % at "
            f"{supply[0]:g} mV; the network has "
            f"{number(network.at(cb_cs_ratio=4.0, vdd_mv=supplies[-1]))} % and "
            f"{number(network.at(cb_cs_ratio=4.0, vdd_mv=supplies[0]))} % at {supplies[-1]:g} and "
            f"{supplies[0]:g} mV (Cb/Cs 4).",
            f"- **Temperature** acts through leakage alone in this model. After {shortest:g} ms, a "
            f"refresh window, {warm.text(wait_ms=shortest, celsius=hot[0])} % are wrong at "
            f"{hot[0]:g} °C and {warm.text(wait_ms=shortest, celsius=hot[-1])} % at "
            f"{hot[-1]:g} °C, at 10 % variation; after {long / 1000:g} s without refresh "
            f"{warm.text(wait_ms=long, celsius=hot[0])} and "
            f"{warm.text(wait_ms=long, celsius=hot[-1])} %. Operands that have waited "
            f"{shortest:g} ms cost `mnist-mlp` {number(lost[shortest])} points between {cold:g} "
            f"and {hottest:g} °C, those that have waited {longest / 1000:g} s "
            f"{number(lost[longest])}.",
            f"- **Were every cell the worst one**, {shortest:g} ms would lose "
            f"{worst.text(variation_percent=10.0, celsius=hot[-1])} % at {hot[-1]:g} °C. A chip "
            f"needs its refresh for a few weak cells.",
            f"- **What matters most** among the parameters that were changed by a fifth: "
            f"{changed.label} at {most.values[changed.field]:g} {changed.unit} brings "
            f"{number(base.estimate)} to {number(most.estimate)} %.",
        ]
    )


STUDY = Study(
    "circuit",
    "From the circuit to accuracy: Cb/Cs, VDD, temperature",
    _QUESTION,
    _SWEEPS,
    _finding,
)
