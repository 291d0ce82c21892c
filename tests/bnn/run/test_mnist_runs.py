"""The bundled networks on whole test sets, as row commands, every sum compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnn import zoo
from bnn.larq.model_file import read_model
from bnn.lowering.lower import lower
from bnn.lowering.stage import Stage
from bnn.values.encoding import ENCODINGS
from experiments import cli

ROOT = Path(__file__).parents[3]
SOME = 500

# Sums of an image: positions that are computed x outputs, layer by layer.
MLP = {"dense1": 512, "dense2": 512, "dense3": 512, "dense4": 10}
CNN = {
    "conv1": 26 * 26 * 32,  # 28 x 28 without padding; pooled to 13 x 13
    "conv2": 10 * 10 * 64,  # 11 x 11, of which the pooling to 5 x 5 takes 10 x 10
    "conv3": 3 * 3 * 64,
    "dense4": 64,
    "dense5": 10,
}
LENET5 = {
    "conv1": 28 * 28 * 6,  # padded, and pooled to 14 x 14
    "conv2": 10 * 10 * 16,  # 14 x 14 without padding; pooled to 5 x 5
    "dense3": 120,
    "dense4": 84,
    "dense5": 10,
}
DIGITS = {"dense1": 256, "dense2": 256, "dense3": 10}
BINARYNET = {
    "conv1": 32 * 32 * 48,  # padded: as large as what it is fed with, and pooled without a rest
    "conv2": 32 * 32 * 48,
    "conv3": 16 * 16 * 96,
    "conv4": 16 * 16 * 96,
    "conv5": 8 * 8 * 192,
    "conv6": 8 * 8 * 192,
    "dense7": 256,
    "dense8": 10,
}
SUMS = {
    "digits-mlp": DIGITS,
    "mnist-mlp": MLP,
    "mnist-cnn": CNN,
    "mnist-lenet5": LENET5,
    "cifar10-binarynet": BINARYNET,
}

Runs = dict[str, tuple[dict[str, Any], Path]]


def run(out: Path, network: str, *argv: str) -> dict[str, Any]:
    assert cli.main(["run", network, "--out", str(out), *argv]) == 0
    report: dict[str, Any] = json.loads((out / "report.json").read_text("utf-8"))
    assert report["bit_exact"] is True
    return report


def assert_every_sum_was_compared(report: dict[str, Any], sums_of_an_image: dict[str, int]) -> None:
    in_dram = {
        layer["name"]: layer["sums_checked"]
        for layer in report["layers"]
        if layer["where"] == "dram"
    }
    assert in_dram == {name: n * report["images"] for name, n in sums_of_an_image.items()}
    assert report["sums_checked"] == sum(in_dram.values())


@pytest.mark.parametrize(
    ("network", "sums"),
    [
        pytest.param("mnist-mlp", MLP, marks=[pytest.mark.mnist, pytest.mark.slow]),
        pytest.param("mnist-cnn", CNN, marks=[pytest.mark.mnist, pytest.mark.slow]),
        pytest.param("mnist-lenet5", LENET5, marks=[pytest.mark.mnist, pytest.mark.slow]),
        pytest.param("digits-mlp", DIGITS, marks=pytest.mark.slow),
    ],
)
def test_a_whole_test_set_in_simulated_rows(
    network: str, sums: dict[str, int], tmp_path: Path
) -> None:
    card = zoo.entry(network).card
    report = run(tmp_path / "all", network)
    assert report["images"] == card.test_images
    assert_every_sum_was_compared(report, sums)
    logits = np.load(tmp_path / "all" / "logits.npy")
    assert logits.shape == (card.test_images, 10)
    least = {"mnist-mlp": 0.975, "mnist-cnn": 0.98, "mnist-lenet5": 0.974, "digits-mlp": 0.95}
    assert report["accuracy"] >= least[network]
    assert round(report["accuracy"] * card.test_images) == card.correct  # what Keras gets right

    if network in ("mnist-mlp", "mnist-cnn"):
        text = (ROOT / "docs" / "thirty-five.md").read_text("utf-8")
        page, booked = text.splitlines(), _booked(tmp_path / "booked", network, "output-stationary")
        for one in (report, booked):
            assert _against(one) in page
            assert set(_by_layer(one)) <= set(page)
        assert f"{booked['break_even_reuse']:.3g} for {network}" in text

    limit = str(SOME)
    other = run(tmp_path / "some", network, "--mapping", "weight-stationary", "--limit", limit)
    assert other["images"] == min(SOME, card.test_images)
    assert_every_sum_was_compared(other, sums)
    assert np.array_equal(np.load(tmp_path / "some" / "logits.npy"), logits[:SOME])


@pytest.mark.cifar10
@pytest.mark.slow
@pytest.mark.parametrize("mapping", ["output-stationary", "weight-stationary"])
def test_some_of_cifar10_in_simulated_rows(mapping: str, tmp_path: Path) -> None:
    report = run(tmp_path, "cifar10-binarynet", "--mapping", mapping, "--limit", "5")
    assert_every_sum_was_compared(report, BINARYNET)


def _booked(out: Path, network: str, mapping: str) -> dict[str, Any]:
    """What a run would take under a mapping; nothing is executed."""
    argv = ["run", network, "--mapping", mapping, "--cost-only", "--images", "10000"]
    assert cli.main([*argv, "--out", str(out)]) == 0
    report: dict[str, Any] = json.loads((out / "report.json").read_text("utf-8"))
    return report


def _against(report: dict[str, Any]) -> str:
    """The row of the page that says how a run compares."""
    total_mj = report["energy_pj"]["total"] / 1e9
    cells = [report["network"], f"{report['latency_ps'] / 1e9:.1f} ms, {total_mj:.1f} mJ"]
    for name in ("streaming", "reuse-aware"):
        it = report["baselines"][name]
        cells.append(f"{it['latency_ps'] / 1e9:.3g} ms, {it['energy_pj'] / 1e9:.3g} mJ")
        cells.append(f"{it['speedup']:.2g}x, {it['energy_ratio']:.2g}x")
    return f"| {' | '.join(cells)} |"


def _by_layer(report: dict[str, Any]) -> list[str]:
    """The rows of the page that say what a product costs."""
    return [
        f"| {report['network']} | {layer['name']} | {layer['macs']:,} | {layer['operand_bits']} "
        f"| {layer['column_utilisation']:.0%} "
        f"| {layer['energy_pj'] / report['images'] / layer['macs']:.2f} |"
        for layer in report["layers"]
        if layer["macs"]
    ]


@pytest.mark.parametrize("network", zoo.names())
def test_nothing_but_the_last_norm_is_left_to_the_host(network: str) -> None:
    """So the sums counted above are those of every layer that multiplies."""
    layers = read_model(zoo.entry(network).path).before_softmax()
    encoding = ENCODINGS["eighths" if network.startswith("digits") else "symmetric"]
    *stages, tail = lower(layers, encoding)
    counted = SUMS[network]
    assert [stage.name for stage in stages if isinstance(stage, Stage)] == list(counted)
    assert len(stages) == len(counted)
    assert not isinstance(tail, Stage)
    assert tail.macs == 0
