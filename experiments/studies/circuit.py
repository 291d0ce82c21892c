"""What the circuit does to failures of an operation, and those to a network."""

from __future__ import annotations

from collections.abc import Mapping

from experiments.studies.study import Found, Study, number

_QUESTION = """\
The swing of a triple-row activation follows from the capacitances of cell and bitline and from the
supply; leakage takes from it what the temperature asks. Each is varied here, first under a single
activation and then under a whole network."""
_SWEEPS = {
    "tra-failure": "A triple-row activation (wrong if 110 or 100 is) against the ratio of bitline "
    "to cell capacitance.",
    "tra-vdd": "The same against the array's supply. Thresholds of the latch do not scale with it.",
    "tra-temperature": "The same for cells that have waited 64 ms for their refresh. Leakage "
    "doubles every ten degrees.",
    "tra-sensitivity": "Each parameter up and down by a fifth, alone, at 10 % variation.",
    "accuracy-circuit": "`mnist-mlp`, 1,000 images, three chips, at 10 % variation.",
    "accuracy-temperature": "The same at 7.5 % variation, by how long rows wait before they are "
    "activated.",
}


def _finding(found: Mapping[str, Found]) -> str:
    """Return what came out, in words."""
    ratio, vdd, warm, one_by_one, network, waited = (found[name] for name in _SWEEPS)
    low, high = min(ratio.values("cb_cs_ratio")), max(ratio.values("cb_cs_ratio"))
    supply = vdd.values("vdd_mv")
    hot = warm.values("celsius")
    base, *others = one_by_one.points
    most = max(others, key=lambda point: abs(point.estimate - base.estimate))
    changed = next(a for a in one_by_one.axes if most.values[a.field] != base.values[a.field])
    ratios, supplies = network.values("cb_cs_ratio"), network.values("vdd_mv")
    cold, hottest = waited.values("celsius")[0], waited.values("celsius")[-1]
    longest = max(waited.values("wait_ms"))
    lost = waited.at(wait_ms=longest, celsius=cold) - waited.at(wait_ms=longest, celsius=hottest)
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
            f"- **Temperature** acts through leakage alone in this model: after 64 ms, at 10 % "
            f"variation, {warm.text(variation_percent=10.0, celsius=hot[0])} % are wrong at "
            f"{hot[0]:g} °C and {warm.text(variation_percent=10.0, celsius=hot[-1])} % at "
            f"{hot[-1]:g} °C. Operands that have waited {longest:g} ms cost `mnist-mlp` "
            f"{number(lost)} "
            f"points between {cold:g} and {hottest:g} °C.",
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
