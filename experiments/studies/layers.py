"""The study of which layer of a network is most sensitive to errors."""

from __future__ import annotations

from collections.abc import Mapping

from experiments.studies.study import Found, Study, number

_QUESTION = """\
If a system could protect one layer, by spending commands or by leaving it to the processor, which
one should it be? Faults of 15 % process variation reach one layer after the other, while all others
compute without errors."""
_SWEEPS = {
    "layers-mnist-mlp": "Four dense layers; the first takes pixels of 8 bits.",
    "layers-mnist-cnn": "Three convolutions and two dense layers.",
    "layers-cifar10-binarynet": "Six convolutions and two dense layers, on CIFAR-10.",
}


def _finding(found: Mapping[str, Found]) -> str:
    """Return the finding."""
    lines = []
    for one in found.values():
        layers = sorted(one.values("faulty_layer"), key=lambda name: one.at(faulty_layer=name))
        worst, second, best = layers[0], layers[1], layers[-1]
        lines.append(
            f"- `{one.fixed['network']}`: errors in `{worst}` cost most: with errors there alone "
            f"{one.text(faulty_layer=worst)} % of the images are right. Next is `{second}` with "
            f"{number(one.at(faulty_layer=second))} %; least sensitive is `{best}` with "
            f"{number(one.at(faulty_layer=best))} %."
        )
    if all(_worst(one) == one.values("faulty_layer")[-1] for one in found.values()):
        lines += [
            "",
            "In every network the last layer is the most sensitive. What is read out of it are "
            "counts, and a weak column changes those of its image. A hidden layer only loses "
            "single bits of hundreds, most of them far from their threshold. The last layer is "
            "also the smallest: leaving it to the processor, or computing it in three banks, "
            "costs next to nothing.",
        ]
    return "\n".join(lines)


def _worst(found: Found) -> str:
    """The layer in which errors cost most."""
    layers: tuple[str, ...] = found.values("faulty_layer")
    return min(layers, key=lambda name: found.at(faulty_layer=name))


STUDY = Study(
    "layers",
    "Which layer is most sensitive",
    _QUESTION,
    _SWEEPS,
    _finding,
)
