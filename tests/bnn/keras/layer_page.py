"""The page of the layer matrix: which layer runs where.

``python -m tests.bnn.keras.layer_page docs`` (with the extra ``larq`` installed) runs all cases
and writes ``docs/layers.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .layer_cases import INPUTS, KERNELS, Batch, Case
from .layer_matrix import KINDS, batches
from .layer_models import model, save
from .layer_networks import OPERATORS


@dataclass(frozen=True)
class Outcome:
    """What became of one case."""

    case: Case
    pixels: bool
    where: tuple[str, ...]
    """For every layer with a kernel, in order: ``DRAM`` or ``host``."""
    decided: bool
    """Whether the first of them ends in a comparison in rows."""


def outcomes(batch: Batch, network: Any, encoding: Any) -> list[Outcome]:
    """Say where the layers of each case run, by the names that Keras and pimsim share."""
    from bnn.lowering.lower import lower
    from bnn.lowering.stage import Stage

    stages = [one for one in lower(network.before_softmax(), encoding) if isinstance(one, Stage)]
    in_dram = {stage.layer.name: stage for stage in stages}
    result = []
    for case in batch.cases:
        names = [layer.name for layer in network.layers if hasattr(layer, "kernel")]
        own = [name for name in names if name.partition("/")[0] in (case.name, f"{case.name}z")]
        if "block" in case.labels:
            own = [name for name in names if name.startswith(case.name)]
        where = tuple("DRAM" if name in in_dram else "host" for name in own)
        first = in_dram.get(own[0]) if own else None
        decided = first is not None and first.thresholds is not None
        result.append(Outcome(case, batch.pixels, where, decided))
    return result


def page(found: list[Outcome]) -> str:
    """Write what ``docs/layers.md`` says."""
    kinds = list(
        dict.fromkeys(one.case.labels["kind"] for one in found if "kind" in one.case.labels)
    )
    quantized = [kind for kind in kinds if kind.startswith("Quant")]
    parts = [
        "# Layers that pimsim runs",
        "Written by `python -m tests.bnn.keras.layer_page docs`; a test keeps it fresh. Every "
        "entry was built by Keras and Larq with seeded weights, saved, read by pimsim, and run in "
        "simulated DRAM: every sum is that of the integer reference, and every output that of "
        "Keras, exactly where numbers are whole and to the rounding of float32 elsewhere. A "
        "class that is not named here is refused with its name and position.",
        "## Operands",
        "Where a layer with a `ste_sign` kernel runs, by its input quantizer. `approx_sign` and "
        "`swish_sign` are as `ste_sign`. *Pixels* are inputs of the network that are small "
        "integers or stand for them, without a quantizer; *none* is a layer fed with real numbers.",
        _table(
            ["layer", *(INPUTS[:-1]), "pixels", "none"],
            [
                [f"`{kind}`", *(_where(found, kind, fed, "ste_sign") for fed in INPUTS[:-1]),
                 _where(found, kind, "none", "ste_sign", pixels=True),
                 _where(found, kind, "none", "ste_sign")]
                for kind in quantized
            ],
        ),
        "## Weights",
        "Where a layer fed through `ste_sign` runs, by its kernel quantizer. A `NoOp` kernel that "
        "holds -1, 0 and +1 alone is one of integers. Of a separable layer both kernels have the "
        "quantizer; where two places are given, they are those of its two steps.",
        _table(
            ["layer", *KERNELS],
            [
                [f"`{kind}`", *(_where(found, kind, "ste_sign", kernel) for kernel in KERNELS)]
                for kind in quantized
            ],
        ),
        "A `magnitude_aware_sign` of a transposed convolution scales its inputs, not its outputs, "
        "and so is left to the host. Quantizers that look at a whole batch "
        "(`magnitude_aware_sign`, `ste_tern` with `ternary_weight_networks`, `dorefa` in mode "
        "`weights`) are refused for inputs. DoReFa operands and DoReFa weights are n-ths, "
        "which Keras rounds and pimsim does not: sums that lie exactly on a threshold may be "
        "decided otherwise there. `--check-keras` counts them as ties, and follows what lies "
        "behind them as Keras decides.",
        "## Settings",
        "\n".join(
            f"- `{kind.name}` over {len(kind.shape) - 1} spatial axes: "
            + "; ".join(_settings(one) for one in kind.settings)
            for kind in KINDS
            if not kind.real
        ),
        "Layers of Keras without quantizers run on the host, with the traffic of their weights and "
        "operands counted: "
        + ", ".join(f"`{kind}`" for kind in dict.fromkeys(k.name for k in KINDS if k.real)) + ".",
        "## Between a binary layer and the next decision",
        "A sign (`x >= 0`) or a step (`x > 0`) behind a binary layer becomes a comparison in rows "
        "where only BatchNorm, functions that never turn around and one max pooling stand before "
        "it. Otherwise the sums are read out and the host goes on with them.",
        _table(
            ["behind a `QuantConv2D`", "before a sign", "before a step"],
            [
                [what, *(_decided(found, what, last) for last in ("ste_sign", "ste_heaviside"))]
                for what in dict.fromkeys(
                    one.case.labels["behind"] for one in found if "behind" in one.case.labels
                )
            ],
        ),
        "In the tails of gelu (below -5.48 or -12.94), mish (below -16.63) and swish (below "
        "-86.64) Keras itself gives a tiny negative number or 0, as its kernels differ. A sign "
        "there is that of `model.predict`, and the report counts such values as `disputed_signs`.",
        "## Pixels that are prepared",
        "A scale and an offset that are the same for all values leave pixels the integers that "
        "they are: what stands behind multiplies them in DRAM. So do layers that choose pixels or "
        "act in training only. Padding with zeros takes a bit more where 0 lies half-way between "
        "two levels, and goes to the host where it lies elsewhere. `RandomCrop` resizes where it "
        "does not train, as Keras does.",
        _table(
            ["in front of a `QuantConv2D`", "padding valid", "padding same"],
            [
                [what, *(_prepared_where(found, what, padding) for padding in ("valid", "same"))]
                for what in dict.fromkeys(
                    one.case.labels["prepared"] for one in found if "prepared" in one.case.labels
                )
            ],
        ),
        "## Other layers, on the host",
        ", ".join(
            f"`{one.case.labels['layer']}`" for one in found if "layer" in one.case.labels
        ) + ".",
        "A layer may be given to another as its activation, as in "
        "`QuantDense(8, activation=LeakyReLU(0.1))`: "
        + ", ".join(
            f"`{one.case.labels['activation']}`"
            for one in found if "activation" in one.case.labels
        ) + ".",
        "## Operators of TensorFlow, on the host",
        "What a functional model is built with besides layers: calls of functions, which Keras "
        "saves under their names. `x` has the axes batch, height, width, channels; an operator "
        "that mixes images of a batch is refused. Slices and other moves keep operands integers, "
        "decisions make some of real numbers, so that a binary layer behind them runs in DRAM.",
        "\n".join(
            f"- {what}: " + ", ".join(f"`{text}`" for text in written if 'lq.layers' not in text)
            for what, written in OPERATORS.items()
        ),
        "## Blocks of larq/zoo's networks",
        "How many of the layers with a kernel run in DRAM, where images are real numbers:",
        "\n".join(
            f"- {one.case.labels['block']}: {one.where.count('DRAM')} of {len(one.where)}"
            for one in found if "block" in one.case.labels
        ),
        "## Graphs",
        "Networks have one input and one output, and any number of branches between them:",
        "\n".join(f"- {one.case.labels['graph']}" for one in found if "graph" in one.case.labels),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _where(found: list[Outcome], kind: str, fed: str, kernel: str, *, pixels: bool = False) -> str:
    wanted = {"kind": kind, "input": fed, "kernel": kernel}
    places = {
        " + ".join(dict.fromkeys(one.where))
        for one in found
        if one.case.labels == wanted and one.pixels == pixels
    }
    return ", ".join(sorted(places)) or "-"


def _prepared_where(found: list[Outcome], what: str, padding: str) -> str:
    wanted = {"prepared": what, "padding": padding}
    return ", ".join(sorted({place for one in found if one.case.labels == wanted
                             for place in one.where}))  # fmt: skip


def _decided(found: list[Outcome], what: str, last: str) -> str:
    answers = {
        "in rows" if one.decided else "sums read out"
        for one in found
        if one.case.labels.get("behind") == what and one.case.labels.get("last", last) == last
    }
    return ", ".join(sorted(answers)) or "-"


def _settings(settings: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in settings.items()) or "as they come"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main(folder: Path) -> None:
    """Write the page."""
    import logging
    import sys
    import tempfile

    sys.path.append(str(Path(__file__).parents[2] / "saved_models"))
    import make_fixtures

    from bnn.larq.model_file import read_model
    from bnn.values.encoding import ENCODINGS

    libraries = make_fixtures.load()
    logging.getLogger("larq").setLevel(logging.ERROR)
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        for batch in batches():
            path = save(model(libraries, batch), Path(scratch) / "net.keras")
            encoding = ENCODINGS["uint8"] if batch.pixels else None
            found += outcomes(batch, read_model(path), encoding)
    (folder / "layers.md").write_text(page(found), "utf-8")


if __name__ == "__main__":
    import sys

    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
