"""Model files of graphs, by hand: branches, inner models, layers used twice, large files."""

from __future__ import annotations

import io
import json
import time
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from bnn.larq.model_file import read_model
from bnn.lowering.lower import lower
from bnn.lowering.stage import Stage
from bnn.model.network import INPUT, Dense, Merge
from pimsim.errors import InputError

Arrays = dict[str, list[Any]]


def layer(kind: str, name: str, *sources: str, **config: Any) -> dict[str, Any]:
    """A layer of a functional model, fed once with ``sources``; ``a:1`` is the second use of a."""
    nodes = [
        [source.partition(":")[0], int(source.partition(":")[2] or 0), 0, {}] for source in sources
    ]
    return {
        "class_name": kind,
        "name": name,
        "config": {"name": name, **config},
        "inbound_nodes": [nodes] if nodes else [],
    }


def functional(name: str, layers: list[dict[str, Any]], last: str | None = None) -> dict[str, Any]:
    first, end = layers[0]["name"], (last or layers[-1]["name"])
    config = {
        "name": name,
        "layers": layers,
        "input_layers": [[first, 0, 0]],
        "output_layers": [[end.partition(":")[0], int(end.partition(":")[2] or 0), 0]],
    }
    return {"class_name": "Functional", "config": config}


def inner(model: dict[str, Any], *sources: str) -> dict[str, Any]:
    """A model as a layer of another; its first use outside is number 1."""
    name = model["config"]["name"]
    return layer("Functional", name, *sources) | {"config": model["config"]}


def dense(name: str, *sources: str, units: int = 3) -> dict[str, Any]:
    quantizers = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign"}
    return layer("QuantDense", name, *sources, units=units, use_bias=False, **quantizers)


def start(name: str = "in", size: int = 3) -> dict[str, Any]:
    return layer("InputLayer", name, batch_input_shape=[None, size])


def write(path: Path, model: dict[str, Any], arrays: Arrays) -> Path:
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        for slot, values in arrays.items():
            group = file.create_group(f"layers/{slot}/vars")
            for place, value in enumerate(values):
                group[str(place)] = value
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(model))
        archive.writestr("model.weights.h5", weights.getvalue())
    return path


def latent(seed: int, *shape: int) -> Any:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_a_shortcut_is_read_with_what_feeds_it(tmp_path: Path) -> None:
    model = functional("net", [start(), dense("d", "in"), layer("Add", "sum", "d", "in")])
    path = write(tmp_path / "net.keras", model, {"quant_dense": [latent(0, 3, 3)]})
    network = read_model(path)
    assert [one.name for one in network.layers] == ["d", "sum"]
    assert network.inputs == ((INPUT,), (0, INPUT))
    assert network.layers[1] == Merge("sum", "add")


def test_a_layer_used_twice_has_the_same_weights_under_two_names(tmp_path: Path) -> None:
    twice = dense("d", "in")
    twice["inbound_nodes"].append([["d", 0, 0, {}]])
    model = functional("net", [start(), twice], "d:1")
    path = write(tmp_path / "net.keras", model, {"quant_dense": [latent(0, 3, 3)]})
    one, two = read_model(path).layers
    assert (one.name, two.name) == ("d", "d#2")
    assert isinstance(one, Dense)
    assert isinstance(two, Dense)
    assert np.array_equal(one.kernel, two.kernel)


def test_models_inside_models_have_paths_and_places_of_their_own(tmp_path: Path) -> None:
    core = functional("core", [start("i"), dense("d", "i")])
    block = functional("block", [start("j"), inner(core, "j"), dense("d", "core:1")])
    model = functional("net", [start(), inner(block, "in"), dense("d", "block:1", units=2)])
    arrays = {
        "functional/layers/functional/layers/quant_dense": [latent(1, 3, 3)],
        "functional/layers/quant_dense": [latent(2, 3, 3)],
        "quant_dense": [latent(3, 3, 2)],
    }
    network = read_model(write(tmp_path / "net.keras", model, arrays))
    assert [one.name for one in network.layers] == ["block/core/d", "block/d", "d"]
    for one, kernel in zip(network.layers, arrays.values(), strict=True):
        assert isinstance(one, Dense)
        assert np.array_equal(one.kernel, kernel[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"class_name": "GRU"},
            "layer 2 of 2 of 'block/core', 'd', must be a layer that pimsim carries out "
            "(docs/layers.md lists them), not one of class 'GRU'",
        ),
        (
            {"inbound_nodes": [[["d", 0, 0, {}]]]},
            "layer 2 of 2 of 'block/core', 'd' (QuantDense) must not be fed with what it gives",
        ),
    ],
)
def test_what_is_refused_deep_inside_is_named_with_its_path(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    core = functional("core", [start("i"), dense("d", "i") | change])
    block = functional("block", [start("j"), inner(core, "j")], "core:1")
    model = functional("net", [start(), inner(block, "in")], "block:1")
    path = write(tmp_path / "net.keras", model, {})
    with pytest.raises(InputError) as caught:
        read_model(path)
    assert str(caught.value) == f"{str(path)!r}: {message}"


def test_branches_that_do_not_fit_are_named(tmp_path: Path) -> None:
    layers = [start(), dense("d", "in", units=4), layer("Add", "sum", "d", "in")]
    path = write(
        tmp_path / "net.keras", functional("net", layers), {"quant_dense": [latent(0, 3, 4)]}
    )
    with pytest.raises(InputError) as caught:
        read_model(path)
    assert str(caught.value) == (
        f"{str(path)!r}: layer 3 of 3, 'sum' (Add): inputs of layer 'sum' must have shapes that "
        "fit each other, not (4,) and (3,)"
    )


def residual(depth: int, width: int) -> tuple[dict[str, Any], Arrays]:
    layers, arrays, before = [start(size=width)], {}, "in"
    for number in range(depth):
        slot = f"quant_dense_{number}" if number else "quant_dense"
        arrays[slot] = [latent(number, width, width)]
        layers.append(dense(f"d{number}", before, units=width))
        layers.append(layer("Add", f"a{number}", f"d{number}", before))
        before = f"a{number}"
    return functional("deep", layers), arrays


def test_a_thousand_layers_are_read_and_lowered_in_seconds(tmp_path: Path) -> None:
    path = write(tmp_path / "net.keras", *residual(500, 4))
    began = time.process_time()
    network = read_model(path)
    stages = lower(network, None)
    assert time.process_time() - began < 10  # 2 s as measured; quadratic steps would take minutes
    assert sum(isinstance(stage, Stage) for stage in stages) == 500


def test_a_large_file_is_held_twice_at_most(tmp_path: Path) -> None:
    path = write(tmp_path / "net.keras", *residual(8, 1000))
    size = path.stat().st_size
    assert size > 30_000_000
    tracemalloc.start()
    network = read_model(path)
    _, peak = tracemalloc.get_traced_memory()
    assert peak < 2.3 * size  # the unpacked file, and the arrays out of it
    tracemalloc.reset_peak()
    lower(network, None)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * size
