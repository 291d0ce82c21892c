"""The study of how much process variation binarized networks stand."""

from __future__ import annotations

from collections.abc import Mapping

from experiments.studies.study import Found, Study, crossing, number

_QUESTION = """\
Cells, bitlines and sense amplifiers vary from one to the next, and a triple-row activation has less
margin than a read. How much variation do networks stand when every AAP and AP meets it? Every
quantity of the process `ambit-like` is spread by the same percentage; the circuit model says how
often each pattern of cells is then wrong, and on which columns for good."""
_SWEEPS = {
    "accuracy-variation": "Three networks, all of their test images, five chips at every point.",
    "accuracy-variation-cifar10": "A BinaryNet for CIFAR-10, 1,000 test images, three chips.",
    "accuracy-effect": "The same probabilities twice: put down to columns that are weak for good, "
    "and put down to noise, which strikes any column in any access.",
}

_CIFAR = "cifar10-binarynet"


def _finding(found: Mapping[str, Found]) -> str:
    """Return what came out, in words."""
    first, other, effect = (found[name] for name in _SWEEPS)
    lines = []
    for network in first.values("network"):
        lines.append(_line(first, network, {"network": network}))
    lines.append(_line(other, _CIFAR, {}))
    at = max(v for v in effect.values("variation_percent") if v <= 10)
    static, noise = (effect.at(effect=name, variation_percent=at) for name in ("static", "noise"))
    right = effect.at(effect="static", variation_percent=0.0)
    return "\n".join(
        [
            "Errors of this process begin at 5.6 % (below that its worst corner is still right), "
            "and networks do not feel the first ones:",
            "",
            *lines,
            "",
            f"What the errors are put down to matters more than how many there are. At {at:g} % "
            f"variation, `mnist-mlp` has {number(static)} % where the same columns fail again and "
            f"again, and {number(noise)} % where as many accesses fail anywhere ({number(right)} % "
            "without errors). A weak column spoils all the sums that pass through it, but only "
            "those: the images in the other columns are right. Noise spoils a few of the thousands "
            "of commands behind *every* sum.",
        ]
    )


def _line(found: Found, name: str, where: dict[str, str]) -> str:
    xs = [float(v) for v in found.values("variation_percent")]
    ys = [found.at(variation_percent=x, **where) for x in xs]
    lost = crossing(xs, ys, ys[0] - 1.0)
    at = "never" if lost is None else f"at {lost:.1f} %"
    some = ", ".join(
        f"{number(found.at(variation_percent=x, **where))} % at {x:g} %" for x in (10.0, 15.0, 25.0)
    )
    return f"- `{name}`: {number(ys[0])} % without errors; a point is lost {at}; {some}."


STUDY = Study(
    "variation",
    "Accuracy against process variation",
    _QUESTION,
    _SWEEPS,
    _finding,
)
