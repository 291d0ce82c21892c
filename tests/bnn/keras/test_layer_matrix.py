"""Every layer with every quantizer and setting: file, importer, reference, DRAM and Keras agree."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnn.keras.check import check
from bnn.larq.model_file import read_model
from bnn.model.readers import READERS
from bnn.reference import forward
from bnn.run.execute import Execution, run
from bnn.system.system import System
from bnn.values.encoding import ENCODINGS
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


def agrees(
    libraries: Any, batch: Batch, folder: Path, suffix: str = "keras"
) -> tuple[list[Outcome], set[str]]:
    """Hold a batch against Keras; what became of its cases, and the classes in its file."""
    logging.getLogger("larq").setLevel(logging.ERROR)
    made = model(libraries, batch)
    x = inputs(batch)
    theirs = np.asarray(plain(made)(x, training=False))
    encoding = ENCODINGS["uint8"] if batch.pixels else None
    network = read_model(save(made, folder / f"{batch.name}.{suffix}"))
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
    found = outcomes(batch, network, encoding)
    return found, {layer.__class__.__name__ for layer in _all_layers(made)}


def _all_layers(model: Any) -> list[Any]:
    inner = [
        one for layer in model.layers if hasattr(layer, "layers") for one in _all_layers(layer)
    ]
    return [*model.layers, *inner]


def test_all_layers_and_quantizers(libraries: Any, tmp_path: Path) -> None:
    found, classes = [], set()
    for number, batch in enumerate(batches()):
        suffix = "keras" if number % 2 or batch.name in CHECKED else "h5"
        became, kinds = agrees(libraries, batch, tmp_path, suffix)
        found += became
        classes |= kinds
    aliases = {"DoReFaQuantizer", "NoOpQuantizer", "SyncBatchNormalization"}
    quantizers_of_weights = {"MagnitudeAwareSign"}
    assert set(READERS) - classes - aliases - quantizers_of_weights == set()
    assert len(found) > 400
    assert PAGE.read_text("utf-8") == page(found), "run: python -m tests.bnn.keras.layer_page docs"


@pytest.mark.slow
def test_all_other_pairs_of_quantizers(libraries: Any, tmp_path: Path) -> None:
    for batch in pairs():
        agrees(libraries, batch, tmp_path, "h5")


def test_every_quantizer_of_inputs_meets_every_one_of_kernels() -> None:
    met: dict[str, set[tuple[str, str]]] = {}
    for batch in (*batches(), *pairs()):
        for labels in (case.labels for case in batch.cases if "kernel" in case.labels):
            met.setdefault(labels["kind"], set()).add((labels["input"], labels["kernel"]))
    every = {(fed, kernel) for fed in INPUTS for kernel in KERNELS}
    for kind in KINDS:
        assert kind.real or met[kind.name] >= every, kind.name
