"""The study of how much process variation binarized networks tolerate."""

from __future__ import annotations

from collections.abc import Mapping

from experiments.studies.study import Found, Study, crossing, number

_QUESTION = """\
Cells, bitlines and sense amplifiers vary from one to the next, and a triple-row activation has less
margin than a read. How much variation do networks tolerate if it affects all AAPs and APs? Every
quantity of the process `ambit-like` is spread by the same percentage. The circuit model then says
how often each pattern of cells is wrong, and on which columns for good."""
_SWEEPS = {
    "accuracy-variation": "Three networks, all of their test images, five chips at every point.",
    "accuracy-variation-cifar10": "A BinaryNet for CIFAR-10, 1,000 test images, three chips.",
    "accuracy-effect": "The same probabilities twice: as columns that are weak for good, and as "
    "noise, which may strike any column in any access.",
    "accuracy-shared-adders": "The networks, variations and chips of `accuracy-variation`, with "
    "adders of their own for every output, run anew, and with adders that outputs share. Groups "
    "are those of the build that ran it; a later one may choose others.",
    "accuracy-shared-cifar10": "The points and chips of `accuracy-variation-cifar10` under both "
    "mappings.",
    "effect-shared-adders": "The points of `accuracy-effect` under both mappings.",
    "errors-shared-adders": "Only one layer has failures; its outputs are compared with the "
    "right ones. Groups have four outputs in `dense1`, eight in `dense2`.",
    "strikes-shared-adders": "How often noise makes an access wrong, for each output of these "
    "layers.",
}

_CIFAR = "cifar10-binarynet"
_APART, _TREE, _WEAK = "output-stationary", "output-tree", "static"


def _finding(found: Mapping[str, Found]) -> str:
    """Return the finding."""
    first, other, effect, *_ = (found[name] for name in _SWEEPS)
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
            "and the first ones hardly change accuracy:",
            "",
            *lines,
            "",
            f"The kind of error matters more than the number of errors. At {at:g} % "
            f"variation, `mnist-mlp` has {number(static)} % if the same columns fail again and "
            f"again, and {number(noise)} % if as many accesses fail in any column "
            f"({number(right)} % without errors). A weak column spoils all the sums that pass "
            "through it, but only those: the images in the other columns are right. Noise spoils "
            "some of the thousands of commands behind *every* sum.",
            "",
            *_shared(found),
        ]
    )


def _shared(found: Mapping[str, Found]) -> list[str]:
    """Return the finding on adders that outputs share."""
    first, both, other, effect, errors, strikes = (
        found[name] for name in _SWEEPS if name == "accuracy-variation" or "shared" in name
    )
    apart = max(
        abs(both.at(mapping=_APART, **point.values) - point.estimate) for point in first.points
    )
    gains = [
        one.at(**{**point.values, "mapping": _TREE}) - point.estimate
        for one in (both, other)
        for point in one.points
        if point.values["mapping"] == _APART
    ]
    lines = [
        "### Adders that outputs share",
        "",
        "An [output tree](output-tree.md) executes a fifth to a quarter of the commands, and a "
        "wrong bit in an adder that eight outputs share reaches all eight. On the same chips at "
        f"the same variation accuracy is between {number(min(gains))} and {number(max(gains))} "
        "points above that with adders of their own. The digits of the last layer's sums are read "
        "out and added by the processor, which makes no errors:",
        "",
    ]
    sweeps = [(both, network, {"network": network}) for network in both.values("network")]
    for one, network, where in (*sweeps, (other, _CIFAR, {})):
        some = ", ".join(
            f"{number(one.at(mapping=_APART, variation_percent=x, **where))} and "
            f"{number(one.at(mapping=_TREE, variation_percent=x, **where))} % at {x:g} %"
            for x in (10.0, 15.0, 20.0, 25.0)
        )
        lines.append(f"- `{network}`, adders of their own and shared ones: {some}.")

    def wrong(mapping: str, layer: str, kind: str = "noise") -> float:
        return errors.at(mapping=mapping, effect=kind, faulty_layer=layer, variation_percent=10.0)

    def struck(mapping: str, layer: str) -> float:
        return strikes.at(mapping=mapping, faulty_layer=layer, variation_percent=10.0)

    def of_strike(mapping: str, layer: str) -> float:
        return wrong(mapping, layer) / 100 / struck(mapping, layer)

    lines += [
        "",
        "These are weak columns. One that gets majorities wrong gets the sums of all outputs wrong "
        "that pass through it, shared or not: at 10 % variation "
        f"{wrong(_APART, 'dense2', _WEAK):.3g} and {wrong(_TREE, 'dense2', _WEAK):.3g} % of the "
        "outputs of `dense2` of `mnist-mlp`.",
        "",
        "With noise two things nearly cancel within a layer. At as many failures an access (10 %):",
        "",
    ]
    for layer in errors.values("faulty_layer"):
        lines.append(
            f"- `{layer}`: {struck(_APART, layer):.3g} accesses an output are wrong with adders of "
            f"their own, {struck(_TREE, layer):.3g} with shared ones, "
            f"{struck(_APART, layer) / struck(_TREE, layer):.1f} times fewer, as there are fewer "
            "commands. But each makes "
            f"{of_strike(_TREE, layer) / of_strike(_APART, layer):.1f} times as many outputs wrong "
            f"({of_strike(_TREE, layer):.2g} instead of {of_strike(_APART, layer):.2g}; most "
            f"change no sign). So {number(wrong(_APART, layer))} and "
            f"{number(wrong(_TREE, layer))} % of the outputs are wrong."
        )
    noisy = [
        effect.at(mapping=one, effect="noise", variation_percent=10.0) for one in (_APART, _TREE)
    ]
    lines += [
        "",
        f"In the whole network that is {number(noisy[0])} and {number(noisy[1])} % accuracy: with "
        "shared adders the last layer's digits are read out and added by the processor, so that "
        "fewer commands can err.",
    ]
    if apart:
        lines += [
            "",
            f"(The points of `{_APART}` are those of `accuracy-variation` run by a later build; "
            f"they differ by at most {apart:.2f} points.)",
        ]
    return lines


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
