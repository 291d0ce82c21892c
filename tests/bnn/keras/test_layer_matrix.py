"""Every layer with every quantizer and setting: file, importer, reference, DRAM and Keras agree."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnn.keras.check import check
from bnn.larq.model_file import read_model
from bnn.model.network import Network
from bnn.model.readers import READERS
from bnn.reference import forward
from bnn.run.execute import Execution, run
from bnn.system.system import System
from bnn.values.encoding import ENCODINGS, Encoding
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load

from .layer_cases import INPUTS, KERNELS, Batch
from .layer_matrix import KINDS, batches, pairs
from .layer_models import inputs, model, plain, save
from .layer_page import Outcome, outcomes, page

pytestmark = pytest.mark.larq

CHECKED = ("graphs", "activations", "QuantDense-0-pixels", "QuantLocallyConnected1D-8-pixels")
"""Batches that `--check-keras` is held against."""

PAGE = Path(__file__).parents[3] / "docs" / "layers.md"


BATCHES = {batch.name: batch for batch in batches()}
SUFFIXES = {
    name: "keras" if number % 2 or name in CHECKED else "h5" for number, name in enumerate(BATCHES)
}

Became = tuple[list[Outcome], set[str]]
"""What became of the cases of a batch, and the classes in its file."""


@pytest.fixture(scope="module")
def found() -> dict[str, Became]:
    """What became of the batches that this process has tried."""
    return {}


def read(
    libraries: Any, batch: Batch, folder: Path, suffix: str
) -> tuple[Any, Network, Encoding | None]:
    """Build a batch by Keras, save it and read it; with how its inputs are integers."""
    logging.getLogger("larq").setLevel(logging.ERROR)
    made = model(libraries, batch)
    encoding = ENCODINGS["uint8"] if batch.pixels else None
    return made, read_model(save(made, folder / f"{batch.name}.{suffix}")), encoding


def became(batch: Batch, made: Any, network: Network, encoding: Encoding | None) -> Became:
    """Say what became of a batch."""
    classes = {layer.__class__.__name__ for layer in _all_layers(made)}
    return outcomes(batch, network, encoding), classes


def agrees(libraries: Any, batch: Batch, folder: Path, suffix: str) -> Became:
    """Hold a batch against Keras."""
    made, network, encoding = read(libraries, batch, folder, suffix)
    x = inputs(batch)
    theirs = np.asarray(plain(made)(x, training=False))
    mapping = "output-stationary"
    done = run(
        network,
        x,
        encoding,
        System(load("ddr3-1600-8-8-8"), ModelOptions(banks=1)),  # one way to divide outputs
        mapping,
        execution=Execution(compiled=False),
    )
    assert done.bit_exact, batch.name
    assert done.logits.shape == theirs.shape
    assert len(x) > 1
    # no image depends on those that come with it, or on where its numbers lie
    alone = forward(network, np.asfortranarray(x)[-1:], encoding)
    assert np.array_equal(alone.logits, done.logits[-1:]), batch.name
    last = len(network.layers) - 1
    ends = network.shapes_before(last) if len(batch.cases) > 1 else network.shapes()[last:]
    start = 0
    for case, end in zip(batch.cases, ends, strict=True):
        part = slice(start, start + end[-1])
        ours, keras = done.logits[:, part], theirs[:, part]
        assert ours.size, case
        if (keras == np.rint(keras)).all() and np.abs(keras).max() < 2**24:
            assert np.array_equal(ours, keras), case
        scale = max(1.0, float(np.abs(keras).max()))
        np.testing.assert_allclose(ours, keras, rtol=0, atol=2e-6 * scale, err_msg=str(case))
        start = part.stop
    if batch.name in ("behind", "graphs", "operators", "blocks", "activations"):
        other = read_model(save(made, folder / f"other.{'h5' if suffix == 'keras' else 'keras'}"))
        assert np.array_equal(forward(other, x, encoding).logits, done.logits)
    if batch.name in CHECKED:
        checked = check(folder / f"{batch.name}.keras", network, x, encoding, done.logits)
        assert checked.difference is None, batch.name
        assert len(checked.layers) >= 5
    return became(batch, made, network, encoding)


def _all_layers(model: Any) -> list[Any]:
    inner = [
        one for layer in model.layers if hasattr(layer, "layers") for one in _all_layers(layer)
    ]
    return [*model.layers, *inner]


@pytest.mark.parametrize("name", BATCHES)
def test_layers_and_quantizers_agree(
    name: str, libraries: Any, tmp_path: Path, found: dict[str, Became]
) -> None:
    found[name] = agrees(libraries, BATCHES[name], tmp_path, SUFFIXES[name])


@pytest.mark.slow  # in two processes, as quick tests run, each builds what the other one has
def test_the_page_says_what_became_of_all(
    libraries: Any, tmp_path: Path, found: dict[str, Became]
) -> None:
    for name, batch in BATCHES.items():
        if name not in found:  # another process has tried it, or nobody
            found[name] = became(batch, *read(libraries, batch, tmp_path, SUFFIXES[name]))
    cases = [one for name in BATCHES for one in found[name][0]]
    classes = set().union(*(found[name][1] for name in BATCHES))
    aliases = {"DoReFaQuantizer", "NoOpQuantizer", "SyncBatchNormalization"}
    quantizers_of_weights = {"MagnitudeAwareSign"}
    assert set(READERS) - classes - aliases - quantizers_of_weights == set()
    assert len(cases) > 400
    assert PAGE.read_text("utf-8") == page(cases), "run: python -m tests.bnn.keras.layer_page docs"


@pytest.mark.slow
def test_all_other_pairs_of_quantizers(libraries: Any, tmp_path: Path) -> None:
    for batch in pairs():
        agrees(libraries, batch, tmp_path, "h5")


def test_every_quantizer_of_inputs_meets_every_one_of_kernels() -> None:
    met: dict[str, set[tuple[str, str]]] = {}
    for batch in (*BATCHES.values(), *pairs()):
        for labels in (case.labels for case in batch.cases if "kernel" in case.labels):
            met.setdefault(labels["kind"], set()).add((labels["input"], labels["kernel"]))
    every = {(fed, kernel) for fed in INPUTS for kernel in KERNELS}
    for kind in KINDS:
        assert kind.real or met[kind.name] >= every, kind.name
