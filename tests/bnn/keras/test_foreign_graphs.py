"""Models of classes of their own, in mixed precision, of open sizes, that give maps: as Keras."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnn.keras.check import check
from bnn.larq.model_file import read_model
from bnn.run.execute import Execution, run
from bnn.system.system import System
from experiments.report.inputs import encoding_of
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load

pytestmark = pytest.mark.larq


def layers(libraries: Any, *, dense: bool) -> list[Any]:
    keras, lq = libraries.keras, libraries.larq
    sign = {"kernel_quantizer": "ste_sign", "padding": "same", "use_bias": False}
    result = [
        lq.layers.QuantConv2D(5, 3, **sign),
        keras.layers.BatchNormalization(),
        lq.layers.QuantConv2D(4, 3, input_quantizer="ste_sign", **sign),
    ]
    if not dense:
        return [*result, keras.layers.Softmax()]
    return [
        *result,
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(3, activation="softmax"),
    ]


def functional(libraries: Any, shape: tuple[int | None, ...], make: Any, *, dense: bool) -> Any:
    start = end = libraries.keras.Input(shape)
    for layer in layers(libraries, dense=dense):
        end = layer(end)
    return make(start, end)


def own_graph(libraries: Any) -> Any:
    class OwnGraph(libraries.keras.Model):  # type: ignore[misc, name-defined]
        pass

    return functional(libraries, (6, 5, 2), OwnGraph, dense=True)


def own_chain(libraries: Any) -> Any:
    class OwnChain(libraries.keras.Sequential):  # type: ignore[misc, name-defined]
        pass

    start = libraries.keras.Input((6, 5, 2))
    return OwnChain([start, *layers(libraries, dense=True)])


def own_inside(libraries: Any) -> Any:
    keras = libraries.keras
    return keras.Sequential(
        [keras.Input((6, 5, 2)), own_graph(libraries), keras.layers.Dense(2, name="last")]
    )


def mixed(libraries: Any, policy: str = "mixed_float16") -> Any:
    precision = libraries.keras.mixed_precision
    precision.set_global_policy(policy)
    try:
        return functional(libraries, (6, 5, 2), libraries.keras.Model, dense=True)
    finally:
        precision.set_global_policy("float32")


def mixed_brain(libraries: Any) -> Any:
    return mixed(libraries, "mixed_bfloat16")


def open_sizes(libraries: Any) -> Any:
    return functional(libraries, (None, None, 2), libraries.keras.Model, dense=True)


def a_map(libraries: Any) -> Any:
    return functional(libraries, (6, 5, 2), libraries.keras.Model, dense=False)


def an_open_map(libraries: Any) -> Any:
    return functional(libraries, (None, None, 2), libraries.keras.Model, dense=False)


@pytest.mark.parametrize("suffix", ["h5", pytest.param("keras", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "make",
    [own_graph, own_chain, own_inside, mixed, mixed_brain, open_sizes, a_map, an_open_map],
)
@pytest.mark.filterwarnings("ignore")
def test_what_strangers_save_runs_as_in_keras(
    libraries: Any,
    tmp_path: Path,
    make: Callable[[Any], Any],
    suffix: str,
    request: pytest.FixtureRequest,
) -> None:
    if suffix == "h5":  # from the other, Keras predicts with a graph
        request.getfixturevalue("untraced")
    libraries.keras.utils.set_random_seed(3)
    path = tmp_path / f"net.{suffix}"
    make(libraries).save(path)
    x = np.random.default_rng(1).integers(0, 256, (5, 6, 5, 2)).astype(np.uint8)
    network = read_model(path, x.shape[1:])
    assert network.precision == {mixed: "mixed_float16", mixed_brain: "mixed_bfloat16"}.get(
        make, "float32"
    )
    encoding = encoding_of(network, x)
    standard = load("ddr3-1600-8-8-8")
    done = run(
        network,
        x,
        encoding,
        System(standard, ModelOptions()),
        "output-stationary",
        execution=Execution(compiled=False),
    )
    assert done.bit_exact
    assert done.logits.shape == (5, *network.shapes()[-1])
    found = check(path, network, x, encoding, done.logits)
    assert found.difference is None
    assert len(found.layers) == 2


@pytest.mark.filterwarnings("ignore")
def test_the_line_that_makes_a_float32_model_does(libraries: Any, tmp_path: Path) -> None:
    from pimsim.errors import InputError

    keras = libraries.keras
    model = mixed(libraries, "float16")
    model.save(tmp_path / "half.h5")
    with pytest.raises(InputError, match=r"not 'float16'; (new = .*\)); (new\..*\)) makes") as e:
        read_model(tmp_path / "half.h5")
    line = str(e.value).partition("'float16'; ")[2].partition(" makes")[0]
    names: dict[str, Any] = {"keras": keras, "model": model}
    exec(line, names)
    names["new"].save(tmp_path / "whole.h5")
    network = read_model(tmp_path / "whole.h5")
    assert network.precision == "float32"
    halves = model.get_weights()[0].astype(np.float32)
    assert np.array_equal(network.layers[0].kernel, halves)  # type: ignore[attr-defined]


@pytest.mark.filterwarnings("ignore")
def test_the_line_that_makes_a_graph_of_a_subclass_does(libraries: Any, tmp_path: Path) -> None:
    from pimsim.errors import InputError

    keras = libraries.keras

    class Written(keras.Model):  # type: ignore[misc, name-defined]
        def __init__(self, **more: Any) -> None:
            super().__init__(**more)
            self.all = layers(libraries, dense=True)

        def call(self, x: Any) -> Any:
            for layer in self.all:
                x = layer(x)
            return x

    model = Written()
    x = np.random.default_rng(1).normal(size=(3, 6, 5, 2)).astype(np.float32)
    theirs = model.predict(x, verbose=0)
    model.save(tmp_path / "written.keras")
    with pytest.raises(InputError, match="not a 'Written' without a graph of layers: ") as e:
        read_model(tmp_path / "written.keras")
    line = str(e.value).partition("of layers: ")[2].partition(" makes")[0]
    path = tmp_path / "name.keras"
    names = {"keras": keras, "model": model, "shape": x.shape[1:]}
    exec(line.replace("'name.keras'", repr(str(path))), names)
    found = read_model(path)
    done = run(found, x, None, System(load("ddr3-1600-8-8-8"), ModelOptions()), "output-stationary")
    assert np.array_equal(done.logits.argmax(-1), theirs.argmax(-1))
