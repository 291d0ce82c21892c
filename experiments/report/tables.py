"""A run's report as tables on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bnn.run.scoring import LARGEST
from experiments.output import tables
from experiments.output.words import counted, more_energy, quantity, slower
from experiments.report import break_even, host

_FEW = 0.1
"""Column utilisation below which a batch is too small for the DRAM's rows."""


def show(report: Mapping[str, Any]) -> None:
    """Print layers, the choice of mappings, totals, baselines and assumptions."""
    images = report["images"]
    tables.show(
        (
            "layer",
            "mapping",
            "MACs",
            "columns\nused",
            "time",
            "writing\ninputs",
            "energy",
            "on the\nchannel",
        ),
        [_layer(layer, images) for layer in report["layers"]],
        title=f"{_title(report)}; each layer, an image",
        wide=0,
    )
    total = report["commands"]
    kinds = [kind for kind in total if kind != "PRE"]  # as many as ACTs
    if not total["TRANSFER"]:
        kinds.remove("TRANSFER")
    tables.show(
        ("commands\nan image", *kinds),
        [
            (
                _words(layer["name"]),
                *(_short(layer["commands"][kind] / images) for kind in kinds),
            )
            for layer in report["layers"]
        ],
        wide=0,
    )
    compared = _compared(report)
    if compared:
        tables.show(
            ("layer", "instead", "would be"),
            compared,
            title=f"why these mappings: {_why(report)}",
            wide=2,
        )
    for name, text in _summary(report):
        tables.say(f"{name:12}{text}")
    print()
    if report["baselines"]:
        tables.show(
            ("processor behind the same DRAM", "time", "energy", "DRAM is", "and takes"),
            [
                (
                    name,
                    quantity(baseline["latency_ps"], "ps"),
                    quantity(baseline["energy_pj"], "pJ"),
                    slower(baseline["speedup"]),
                    _energy(baseline),
                )
                for name, baseline in report["baselines"].items()
            ],
            title="the same batch on a processor",
            wide=0,
        )
    tables.show_assumptions(report["assumptions"])


def show_keras(report: Mapping[str, Any]) -> None:
    """Print how the run compares with Keras."""
    if report["keras_equal"] is None:
        text = f"not known: {report['keras_why']}"
    else:
        text = "yes" if report["keras_equal"] else f"NO: {report['keras_difference']}"
        ties = ", ".join(
            f"{counted(n, 'operand')} of {name}" for name, n in report["keras_tie_layers"].items()
        )
        text += f", but for ties that float32 decides otherwise ({ties})" if ties else ""
        text += (
            f" (Keras predicts in {report['keras_predict_s']:.3g} s, "
            f"pimsim executes in {report['wall_s']['execute']:.3g} s)"
        )
    tables.say(f"{'as Keras':12}{text}")


_WHY = {
    "auto": "least product of the run's latency and energy",
    "auto-latency": "least latency",
    "auto-energy": "least energy",
}


def _why(report: Mapping[str, Any]) -> str:
    """The aim for which mappings were chosen."""
    asked = report["assumptions"]["mapping"]
    if asked == "auto" and report["energy_pj"]["total"] is None:
        asked = "auto-latency"
    return _WHY.get(asked, "chosen")


def _title(report: Mapping[str, Any]) -> str:
    images = counted(report["images"], "image")
    if report["cost_only"]:
        chosen = "" if "batch" not in report["assumptions"] else " (--images N: more)"
        return f"{report['network']}, cost only: {images}{chosen}"
    return f"{report['network']} on {report['data']}: {images}"


def _layer(layer: Mapping[str, Any], images: int) -> tuple[str, ...]:
    used, time_ps = layer["column_utilisation"], layer["latency_ps"]
    writing_ps = layer["phases"]["inputs"]["latency_ps"]
    return (
        _words(layer["name"]),
        layer["mapping"] or layer["where"],
        f"{layer['macs']:,}",
        "" if used is None else _share(used),
        quantity(time_ps / images, "ps") if time_ps else "",
        f"{writing_ps / time_ps:.0%}" if used is not None and time_ps else "",
        quantity(_each(layer["energy_pj"], images), "pJ") if time_ps else "",
        _on_the_channel(layer["energy_parts_pj"], layer["energy_pj"]) if time_ps else "",
    )


def _on_the_channel(parts_pj: Mapping[str, float], energy_pj: float | None) -> str:
    """Share of the energy for bursts: reads, writes and transfers from bank to bank."""
    if energy_pj is None:
        return ""
    return f"{sum(parts_pj.get(part, 0.0) for part in ('read_write', 'io')) / energy_pj:.0%}"


def _took(time_ps: float, energy_pj: float | None) -> str:
    """Time, and energy if it is stated."""
    time = quantity(time_ps, "ps")
    return time if energy_pj is None else f"{time}, {quantity(energy_pj, 'pJ')}"


def _each(energy_pj: float | None, images: int) -> float | None:
    """Energy of an image; None if it is not stated."""
    return None if energy_pj is None else energy_pj / images


def _compared(report: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Time and energy of each layer under the mappings that were not chosen."""
    return [
        (_words(layer["name"]), other["mapping"], other["refused"] or _beside(layer, other))
        for layer in report["layers"]
        for other in layer["alternatives"]
    ]


def _beside(layer: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    time = slower(layer["latency_ps"] / other["latency_ps"])
    time = time.replace("the same", "as fast")
    if layer["energy_pj"] is None:
        return time
    return f"{time}, {more_energy(layer['energy_pj'] / other['energy_pj'])} energy"


def _room(layers: Sequence[Mapping[str, Any]]) -> str:
    """Banks and subarrays of the layers that use most of them."""
    banks = max(layers, key=lambda layer: int(layer["banks_used"]))
    deep = max(layers, key=lambda layer: int(layer["subarrays_of_a_bank"]))
    return (
        f"at most {counted(banks['banks_used'], 'bank')} ({banks['name']}), "
        f"and {counted(deep['subarrays_of_a_bank'], 'subarray')} of each ({deep['name']})"
    )


def _share(used: float) -> str:
    """A share of columns in percent; a share above 0 never reads as 0."""
    return "< 0.1%" if 0 < used < 0.0005 else f"{used:.1%}"


def _words(name: str) -> str:
    """Names of layers that the host computes together, in a form that can be wrapped."""
    return name.replace("+", " + ")


def _rate(images_per_s: float) -> str:
    return f"{images_per_s:,.0f}" if images_per_s >= 100 else f"{images_per_s:.3g}"


def _short(count: float) -> str:
    """A count in full, or from ten million on in millions, so that a table fits a terminal.

    >>> [_short(count) for count in (0, 0.0127, 3.5, 1234.5, 123_456_789)]
    ['0', '0.0127', '3.5', '1,234', '123.5 M']
    """
    if count >= 10_000_000:
        return f"{count / 1e6:,.1f} M"
    return f"{count:,.0f}" if count >= 100 else f"{count:.3g}"


def _summary(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    images, once = report["images"], report["weights_once"]
    exact = {True: "yes", False: "NO", None: "not checked"}[report["bit_exact"]]
    exact = f"{exact} ({counted(report['sums_checked'], 'sum')} compared{_sampled(report)})"
    if report["bit_exact"] and not report["sums_checked"]:
        exact = "nothing to compare: no sum stood in DRAM rows"
    if report["faults"] is not None:
        exact = "not asked: commands go wrong"
    rate = report["throughput_images_per_s"]
    rows = [
        ("bit exact", "nothing executed" if report["cost_only"] else exact),
        ("commands", ", ".join(f"{n:,} {kind}" for kind, n in report["commands"].items() if n)),
        (
            "the batch",
            f"{_took(report['latency_ps'], report['energy_pj']['total'])}, for {images:,} together",
        ),
        (
            "an image",
            _took(report["latency_ps"] / images, _each(report["energy_pj"]["total"], images))
            + ": its share of the batch"
            + ("" if rate is None else f", {_rate(rate)} images/s"),
        ),
        *([("in DRAM", host.NOTHING)] if host.unused(report) else ()),
        *_band(report),
        *_not_stated(report),
        (
            "weights",
            f"loaded once: {_took(once['latency_ps'], once['energy_pj'])}"
            if once["latency_ps"]
            else "in the command stream: nothing to load",
        ),
    ]
    if on_host := host.words(report):
        rows.append(("on the host", on_host))
    if any(layer["subarrays"] for layer in report["layers"]):
        rows.append(("room", _room(report["layers"])))
    if any(chain["chained"] for chain in report["chains"]):
        rows.append(("chains", report["assumptions"]["chain"]))
    if report["disputed_signs"]:
        rows.append(("signs", _disputed(report["disputed_signs"])))
    uses = [layer["column_utilisation"] for layer in report["layers"] if layer["subarrays"]]
    if uses and max(uses) < _FEW:
        rows.append(("column use", f"{max(uses):.1%} at most: more images would cost little more"))
    if report["accuracy_means"] is not None:
        rows.insert(0, ("accuracy", _accuracy(report)))
    if report["faults"] is not None:
        rows.insert(1, ("faults", _faults(report)))
    if report["input_scale_hint"] is not None:
        rows.insert(1, ("input scale", report["input_scale_hint"]))
    if "disturbance" in report:
        rows.append(("disturbance", report["disturbance"]["text"]))
    if report["baselines"] and report["energy_pj"]["total"] is not None:
        rows.append(("break-even", break_even.words(report)))
    return rows


def _not_stated(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Say why there are no energies, if so."""
    if report["energy_pj"]["total"] is not None:
        return []
    return [("energy", f"not stated: {report['assumptions']['energy_not_stated']}")]


def _energy(baseline: Mapping[str, Any]) -> str:
    """Energy of the DRAM compared with that of a processor, in words."""
    ratio = baseline["energy_ratio"]
    return more_energy(ratio) if ratio is None else f"{more_energy(ratio)} energy"


def _sampled(report: Mapping[str, Any]) -> str:
    """Say how many images were checked, if not all."""
    checked, images = report["images_checked"], report["images"]
    return f", checked {checked:,} of {counted(images, 'image')}" if 0 < checked < images else ""


def _band(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Say the energy of the batch with the share of the first open bank at 0 and at 1."""
    ends = [
        f"{quantity(end['total'], 'pJ')} at {end['open_bank_share']:.3g}"
        for end in report.get("energy_band_pj", ())
    ]
    used = report["assumptions"].get("open_bank_share")
    return [("open banks", f"{' and '.join(ends)}, here {used:.3g}")] if ends else []


def _accuracy(report: Mapping[str, Any]) -> str:
    """The accuracy, with what counts as right if unusual; or why it is not known."""
    means = str(report["accuracy_means"])
    if report["accuracy"] is None:
        return means
    return f"{report['accuracy']:.2%}" + ("" if means == LARGEST else f" ({means})")


def _disputed(signs: Mapping[str, int]) -> str:
    """Say for which values Keras's kernels disagree, and which result is used."""
    layers = ", ".join(f"{count:,} values of {name}" for name, count in signs.items())
    return f"{layers}: in this tail Keras's kernels give either sign; taken as by model.predict"


def _faults(report: Mapping[str, Any]) -> str:
    """What faults changed."""
    faults = report["faults"]
    right, changed = faults["accuracy_error_free"], faults["predictions_changed"]
    text = "" if right is None else f"without them {right:.2%}; "
    if changed is None:
        text += f"{counted(faults['logits_changed'], 'output')} changed"
    else:
        text += f"{changed:,} of {faults['predictions']:,} predictions changed"
    struck = sum(faults["noise_strikes"].values())
    return f"{text}; noise struck {counted(struck, 'time')}" if struck else text
