"""What is said of layers that the host carries out, on the terminal, in JSON and on the page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments import cli
from tests.bnn.larq import model_files

Report = dict[str, Any]


_NAMES = ("bit exact", "commands", "the batch", "an image", "in DRAM", "weights ", "on the host",
          "room", "break-even")  # fmt: skip
"""Words that a line of the terminal begins with; others go on with what was said."""


def _saved(folder: Path, **quantizers: object) -> Path:
    """The base network, whose dense layer and convolution have other quantizers."""
    layers = model_files.base_layers()
    for layer in layers:
        if layer["class_name"].startswith("Quant"):
            layer["config"] |= quantizers
    np.save(folder / "x.npy", np.random.default_rng(2).integers(0, 256, (3, 4, 4, 1), np.uint8))
    return model_files.write_keras(folder / "net.keras", model_files.sequential(layers))


@pytest.fixture
def said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], undrawn: None
) -> Callable[..., tuple[dict[str, str], str]]:
    """Run a network; what the terminal says behind each word, and the page of the run."""

    def run(**quantizers: object) -> tuple[dict[str, str], str]:
        path, out = _saved(tmp_path, **quantizers), tmp_path / "out"
        words = ["run", path, "--data", tmp_path / "x.npy", "--out", out]
        assert cli.main([*map(str, words)]) == 0
        printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
        text: dict[str, str] = {}
        for line in printed[printed.index("accuracy    not known: no labels") :]:
            if not line:
                break
            name = next((one for one in _NAMES if line.startswith(one)), None)
            last = name or [*text][-1] if text else "accuracy"
            text[last] = f"{text.get(last, '')} {line}"
        return text, (out / "report.html").read_text("utf-8")

    return run


def test_a_host_layer_says_why(said: Callable[..., tuple[dict[str, str], str]]) -> None:
    printed, page = said(input_quantizer=None)
    line = "fc: it is fed with real numbers (no input_quantizer); pool, bn, flat: nothing to mu"
    assert line in printed["on the host"]
    assert line in page
    assert "images/s" in printed["an image"]
    assert "in DRAM" not in printed


def test_a_network_on_the_host_has_no_throughput_of_dram(
    said: Callable[..., tuple[dict[str, str], str]],
) -> None:
    printed, page = said(kernel_quantizer=None)
    line = "conv, fc: its weights are real numbers (no kernel_quantizer); pool, bn, flat: "
    assert line in printed["on the host"]
    assert "no layer is carried out in DRAM" in printed["in DRAM"]
    assert "images/s" not in printed["an image"]
    assert line in page
    assert "No layer is carried out in DRAM" in page
    assert "a second" not in page
    assert "time an image" not in page


def test_json_has_the_reasons(tmp_path: Path, pimsim: Callable[..., Report]) -> None:
    path = _saved(tmp_path, kernel_quantizer=None)
    report = pimsim(path, "--data", tmp_path / "x.npy")
    assert report["throughput_images_per_s"] is None
    (layer,) = report["layers"]
    assert layer["host_reasons"]["fc"] == "its weights are real numbers (no kernel_quantizer)"
    assert layer["host_reasons"]["flat"] == "nothing to multiply"


def test_advice_and_comparisons_say_so_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], undrawn: None
) -> None:
    path, data = str(_saved(tmp_path, kernel_quantizer=None)), str(tmp_path / "x.npy")
    assert cli.main(["advise", path, "--data", data, "--ideas", "batch"]) == 0
    assert capsys.readouterr().out.startswith("look first: no layer is carried out in DRAM")
    assert cli.main(["run", path, "--data", data, "--out", str(tmp_path / "a")]) == 0
    capsys.readouterr()
    assert cli.main(["compare", str(tmp_path / "a"), str(tmp_path / "a" / "report.json")]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "a: no layer is carried out in DRAM" in printed
    assert "Fastest" not in printed


_THREE_BITS = {"class_name": "DoReFa", "config": {"k_bit": 3, "mode": "weights"}}


@pytest.mark.parametrize(
    ("quantizers", "streamed", "kept", "vectors"),
    [
        # an image: 108 products of pixels of 8 bits with 12 weights, 6 of signs with 6 weights
        ({}, 108 * (8 + 1) + 6 * (1 + 1), 12 + 6, 2 + 1),
        ({"kernel_quantizer": _THREE_BITS}, 108 * (8 + 3) + 6 * (1 + 3), 3 * (12 + 6), 6 + 1),
        ({"input_quantizer": None}, 108 * (8 + 1) + 6 * (32 + 32), 12 + 6 * 32, 2 + 1),
    ],
)
def test_processors_fetch_and_multiply_every_bit_of_a_weight(
    tmp_path: Path, pimsim: Callable[..., Report],
    quantizers: Report, streamed: int, kept: int, vectors: int,
) -> None:  # fmt: skip
    """Of signs, of a DoReFa quantizer, and of real numbers, which the host multiplies."""
    path, images = _saved(tmp_path, **quantizers), 3
    baselines = pimsim(path, "--data", tmp_path / "x.npy")["baselines"]
    for name, bits in (("streaming", images * streamed), ("reuse-aware", kept + images * 16 * 8)):
        assert baselines[name]["assumptions"]["read_bits"] == bits
        processor_pj = baselines[name]["energy_parts_pj"]["processor"]
        assert processor_pj == pytest.approx(images * vectors * 3 * 71.6)
