"""The result of a run in sentences.

>>> percent(0.97), rate(26_451.3)
('97.00 %', '26,451')
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bnn.run.scoring import LARGEST
from experiments.output.words import counted, more_energy, quantity, sentence, slower
from experiments.report import host

Report = Mapping[str, Any]
"""A run's ``report.json`` as Python values."""

_PROCESSORS = {
    "streaming": "one that fetches both operands of every product (streaming)",
    "reuse-aware": "one with a cache that fetches them once (reuse-aware)",
}


def each(value: float | None, images: int) -> float | None:
    """Return an image's share of a batch's time or energy; None if that is not stated."""
    return None if value is None else value / images


def percent(share: float) -> str:
    """Return a share with two decimals.

    >>> percent(0.97), percent(1.0)
    ('97.00 %', '100.00 %')
    """
    return f"{100 * share:.2f} %"


def images_text(report: Report) -> str:
    """Return how many images there were.

    >>> images_text({"images": 1}), images_text({"images": 1200})
    ('1 image', '1,200 images')
    """
    return counted(report["images"], "image")


def rate(images_per_s: float | None) -> str:
    """Return images per second as text; '' for a run without commands."""
    if images_per_s is None:
        return ""
    return f"{images_per_s:,.0f}" if images_per_s >= 100 else f"{images_per_s:.3g}"


def answer(report: Report) -> Iterator[str]:
    """Yield sentences on accuracy, exactness, time, energy, and processors for comparison."""
    yield from _accuracy(report)
    yield _exact(report)
    if report["faults"] is not None:
        yield _faults(report)
    yield from _cost(report)
    yield from _processors(report)
    if report["input_scale_hint"] is not None:
        yield f"Look at the scale of the inputs: {report['input_scale_hint']}."
    if report["keras_equal"] is not None:
        said = (
            "the same" if report["keras_equal"] else f"NOT the same: {report['keras_difference']}"
        )
        yield f"Keras, asked for every accumulator and prediction, gives {said}."
    if "disturbance" in report:
        yield f"Rows beside those that are activated: {report['disturbance']['text']}."


def _accuracy(report: Report) -> Iterator[str]:
    means = report["accuracy_means"]
    if report["accuracy"] is None:
        if means is not None:
            yield f"How many images were classified correctly is {means}."
        return
    counted = "" if means == LARGEST else f" ({means})"
    yield (
        f"{percent(report['accuracy'])} of the answers to {images_text(report)} are right{counted}."
    )


def _exact(report: Report) -> str:
    if report["cost_only"]:
        return "Every command was booked and none executed: there are no answers, only costs."
    if report["faults"] is not None:
        return "Commands go wrong here on purpose, so that no sum has to be right."
    if report["bit_exact"] is None:
        return "Sums were not compared with the reference (--no-check)."
    if not report["sums_checked"]:
        return "No sum stood in DRAM rows, so that there was none to compare."
    if report["bit_exact"]:
        sums = report["sums_checked"]
        which = (
            "The one sum that stood in DRAM rows equals"
            if sums == 1
            else (f"All {sums:,} sums that stood in DRAM rows equal")
        )
        return f"{which} the integer reference: the run is bit exact."
    return "The rows DIFFER from the integer reference: this is a fault of pimsim."


def _faults(report: Report) -> str:
    faults = report["faults"]
    right, changed = faults["accuracy_error_free"], faults["predictions_changed"]
    if changed is None:
        text = f"{counted(faults['logits_changed'], 'output')} changed"
    else:
        text = f"{changed:,} of {faults['predictions']:,} predictions changed"
    without = "" if right is None else f"Without faults {percent(right)} would be right; "
    return f"{without}{text}." if without else f"Because of faults {text}."


def _cost(report: Report) -> Iterator[str]:
    if not report["latency_ps"]:
        yield "No layer runs in DRAM, so that it takes neither time nor energy there."
        return
    if host.unused(report):
        yield f"{sentence(host.NOTHING)}."
    images, once = report["images"], report["weights_once"]
    time_ps, energy_pj = report["latency_ps"], report["energy_pj"]["total"]
    batch = "" if images == 1 else f" The whole batch takes {_both(time_ps, energy_pj)}."
    where = "Fetched from DRAM" if host.unused(report) else "In DRAM"
    yield (
        f"{where} an image takes {_both(time_ps / images, each(energy_pj, images))}"
        f"{'' if images == 1 else ', its share of the batch'}.{batch}"
    )
    if once["latency_ps"]:
        yield (
            f"Loading the weights, once for any number of images, takes "
            f"{_both(once['latency_ps'], once['energy_pj'])} more."
        )
    if energy_pj is None:
        yield f"Energies are not stated: {report['assumptions']['energy_not_stated']}."


def _both(time_ps: float, energy_pj: float | None) -> str:
    """A time, and the energy if it is stated."""
    time = quantity(time_ps, "ps")
    return time if energy_pj is None else f"{time} and {quantity(energy_pj, 'pJ')}"


def _processors(report: Report) -> Iterator[str]:
    said = []
    for name, one in report["baselines"].items():
        who, ratio = _PROCESSORS.get(name, name), one["energy_ratio"]
        taken = "" if ratio is None else f" and takes {more_energy(ratio)} energy"
        said.append(f"beside {who} the DRAM is {slower(one['speedup'])}{taken}")
    if said:
        text = "; ".join(said)
        for unclear, clear in (
            ("is the same", "is as fast"),
            ("the same energy", "as much energy"),
        ):
            text = text.replace(unclear, clear)
        yield f"The same batch on a processor behind the same memory, for comparison: {text}."
