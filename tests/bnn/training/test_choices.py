"""Every choice of `pimsim train` trains, and what it trains runs in DRAM as Keras has it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnn import train as training
from bnn.data.datasets import Dataset, load
from bnn.larq.model_file import read_model
from bnn.model.network import Dense
from bnn.run.execute import run
from bnn.system.system import System
from bnn.training.architectures import ARCHITECTURES, Architecture
from bnn.training.card import Card
from bnn.training.parts import SCALE_START, Backend, Parts
from bnn.training.recipe.choices import ACTIVATIONS, INITIALIZERS, LOSSES, OPTIMIZERS, SCHEDULES
from bnn.training.recipe.recipes import RECIPES, recipe
from bnn.training.recipe.settings import Settings, changed
from bnn.values.encoding import detect
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import load as load_standard
from pimsim.errors import InputError

TINY = Architecture(
    name="tiny",
    summary="For tests.",
    data="digits",
    input_shape=(64,),
    classes=10,
    settings=Settings(epochs=2, batch_size=60, learning_rate=0.01, batch_norm_momentum=0.5),
    layers=lambda parts: [*parts.dense(24), *parts.dense(16), *parts.last(10)],
)
THREE_EPOCHS = Settings(epochs=3, batch_size=60, learning_rate=1.0)
NOT_READ = {"activation": {"prelu": "PReLU"}, "head": {"scale": "EinsumDense"}}
"""Choices whose layers the importer may refuse, by the class it then names."""

TABLES: dict[str, Any] = {
    "optimizer": OPTIMIZERS,
    "loss": LOSSES,
    "initializer": INITIALIZERS,
    "schedule": SCHEDULES,
    "activation": [name for name in ACTIVATIONS if name not in NOT_READ["activation"]],
}
LONGEST = max(map(len, TABLES.values()))
TOGETHER = [
    dict(zip(TABLES, names, strict=True))
    for names in islice(zip(*map(cycle, TABLES.values()), strict=False), LONGEST)
]
"""As few trainings as name every entry of every table at least once."""

ALONE: list[dict[str, Any]] = [
    {
        "dropout": 0.2,
        "weight_decay": 1e-2,
        "batch_norm_epsilon": 1e-5,
        "batch_norm_momentum": 0.9,
        "bipolar_pull": 1e-3,
        "weight_clip": False,
    },
    *({name: value} for name, values in NOT_READ.items() for value in values),
    *map(recipe, RECIPES),
]


@dataclass(frozen=True)
class Trained:
    card: Card
    path: Path
    test: Dataset


def trained(folder: Path, change: dict[str, Any]) -> Trained:
    learn, test = load("digits", "train"), load("digits", "test")
    assert learn.y is not None
    learn = replace(learn, x=learn.x[:180], y=learn.y[:180])
    if SCHEDULES[change.get("schedule", "cosine")].final == (False, True):
        change = {"final_learning_rate": 1e-4, **change}
    path = folder / "m.keras"
    settings = changed(TINY.settings, change)
    return Trained(training.train(TINY, settings, learn, test, path), path, test)


def why_not_read(path: Path) -> str | None:
    try:
        read_model(path)
    except InputError as error:
        return str(error)
    return None


def keras_scores(one: Trained) -> np.ndarray[Any, Any]:
    keras = training.backend().keras
    scores: np.ndarray[Any, Any] = keras.models.load_model(one.path, compile=False).predict(
        one.test.x, verbose=0
    )
    return scores


def name_of(change: dict[str, Any]) -> str:
    return "-".join(str(value) for value in change.values())


def test_every_entry_is_trained_with() -> None:
    for name, table in TABLES.items():
        assert {row[name] for row in TOGETHER} == set(table)
    named = {(key, value) for row in ALONE for key, value in row.items()}
    assert {("activation", "prelu"), ("head", "scale")} <= named


@pytest.mark.larq
@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("change", [*TOGETHER, *ALONE], ids=name_of)
def test_what_is_trained_runs_in_dram_as_in_keras(tmp_path: Path, change: dict[str, Any]) -> None:
    one = trained(tmp_path, change)
    assert np.isfinite([epoch.loss for epoch in one.card.history]).all()
    assert one.card.history[-1].loss < one.card.history[0].loss
    unread = [
        NOT_READ[key][value] for key, value in change.items() if value in NOT_READ.get(key, {})
    ]
    refusal = why_not_read(one.path)
    if refusal is not None:
        assert any(kind in refusal for kind in unread)
        scores = keras_scores(one)
        assert (scores.argmax(axis=1) == one.test.y).sum() == one.card.correct
        return
    network = read_model(one.path)
    found = detect(one.test.x)
    assert found is not None
    standard = load_standard("ddr3-1600-8-8-8")
    done = run(network, one.test.x, found[0], System(standard, ModelOptions()), "output-stationary")
    assert done.bit_exact
    assert sum(layer.where == "dram" for layer in done.layers) == 3
    assert (done.logits.argmax(axis=1) == one.test.y).sum() == one.card.correct  # by Keras


@pytest.fixture(scope="module")
def tools() -> Backend:
    return training.backend()


@pytest.mark.larq
@pytest.mark.usefixtures("untraced")
def test_bop_leaves_binary_weights_in_the_file(tmp_path: Path) -> None:
    one = trained(tmp_path, {"optimizer": "bop"})
    for layer in read_model(one.path).layers:
        if isinstance(layer, Dense):
            assert set(np.unique(layer.kernel)) == {-1.0, 1.0}
    assert "binary ones, -1 and +1" in one.card.markdown()
    assert one.card.binary_weights == 64 * 24 + 24 * 16 + 16 * 10


@pytest.mark.larq
def test_the_pull_is_the_published_term(tools: Backend) -> None:
    settings = replace(TINY.settings, bipolar_pull=0.125)
    model = TINY.build(Parts(tools, settings, training=True))
    kernels = [layer.get_weights()[0] for layer in model.layers if "dense" in layer.name]
    expected = 0.125 * sum(float((1 - kernel.astype(np.float64) ** 2).sum()) for kernel in kernels)
    assert sum(map(float, model.losses)) == pytest.approx(expected, rel=1e-5)
    assert TINY.build(Parts(tools, settings, training=False)).losses == []


@pytest.mark.larq
def test_dropout_leaves_out_signs_and_keeps_their_mean(tools: Backend) -> None:
    """4000 signs: the share that is left out within 5 standard deviations; the rest grows."""
    model = TINY.build(Parts(tools, replace(TINY.settings, dropout=0.25), training=True))
    drop = next(layer for layer in model.layers if layer.name == "dropout2")
    signs = np.ones((40, 100), np.float32)
    dropped = np.asarray(drop(signs, training=True))
    assert set(np.unique(dropped)) == {0, np.float32(1 / 0.75)}
    assert abs((dropped == 0).mean() - 0.25) < 5 * np.sqrt(0.25 * 0.75 / 4000)
    assert (np.asarray(drop(signs, training=True)) != dropped).any()
    assert (np.asarray(drop(signs, training=False)) == signs).all()
    names = [layer.name for layer in model.layers]
    assert [n for n in names if "drop" in n] == ["dropout2", "dropout3"]
    fed = np.array([[0.0] * 24, [1.0] * 24], np.float32)  # a sign would make +1 of 0
    assert not np.asarray(model.get_layer("dense2")(fed))[0].any()
    assert np.asarray(model.get_layer("dense2")(fed))[1].any()


@pytest.mark.larq
def test_the_scale_head_is_a_factor_for_every_class(tools: Backend) -> None:
    model = TINY.build(Parts(tools, replace(TINY.settings, head="scale"), training=False))
    scale = model.get_layer("scale")
    x = np.arange(20, dtype=np.float32).reshape(2, 10)
    assert np.allclose(scale(x), x * SCALE_START)
    scale.set_weights([np.arange(10, dtype=np.float32)])
    assert np.allclose(scale(x), x * np.arange(10))


@pytest.mark.larq
@pytest.mark.parametrize(
    ("name", "final", "expected"),
    [
        ("constant", 0.0, [1, 1, 1, 1]),
        ("cosine", 0.0, [1, 0.75, 0.25, 0]),
        ("cosine", 0.5, [1, 0.875, 0.625, 0.5]),
        ("linear", 0.25, [1, 0.75, 0.5, 0.25]),
        ("step", 0.0, [1, 1, 0.1, 0.01]),
    ],
)
def test_schedules_at_thirds(
    tools: Backend, name: str, final: float, expected: list[float]
) -> None:
    """0, 1/3, 2/3 and all of 12 steps; the step schedule changes after 6 and 9."""
    settings = replace(THREE_EPOCHS, schedule=name, final_learning_rate=final)
    rate = SCHEDULES[name].make(tools.keras, settings, 4)
    found = [float(rate(step)) if callable(rate) else rate for step in (0, 4, 8, 12)]
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.larq
def test_exponential_decay_changes_once_an_epoch_and_ends_right(tools: Backend) -> None:
    settings = replace(
        THREE_EPOCHS, schedule="exponential", learning_rate=1e-3, final_learning_rate=1e-6
    )
    rate = SCHEDULES["exponential"].make(tools.keras, settings, 4)
    found = [float(rate(step)) for step in (0, 3, 4, 8, 12)]
    assert found == pytest.approx([1e-3, 1e-3, 1e-4, 1e-5, 1e-6], rel=1e-4)


@pytest.mark.larq
def test_a_warm_up_rises_to_the_rate(tools: Backend) -> None:
    settings = replace(THREE_EPOCHS, warmup_epochs=1)
    rate = SCHEDULES["cosine"].make(tools.keras, settings, 4)
    found = [float(rate(step)) for step in (0, 2, 4, 8, 12)]
    assert found == pytest.approx([0, 0.5, 1, 0.5, 0], abs=1e-6)


@pytest.mark.larq
def test_weight_decay_spares_what_is_not_a_latent_weight(tools: Backend) -> None:
    settings = replace(THREE_EPOCHS, weight_decay=0.1)
    optimizer = OPTIMIZERS["sgd"].make(tools.keras, tools.larq, settings, 0.5)
    model = ARCHITECTURES["digits-mlp"].build(
        Parts(tools, replace(TINY.settings, activation="prelu"), training=True)
    )
    before = {v.name: v.numpy() for v in model.trainable_variables}
    nothing = [np.zeros(v.shape, np.float32) for v in model.trainable_variables]
    optimizer.apply_gradients(zip(nothing, model.trainable_variables, strict=True))
    for variable in model.trainable_variables:
        kept = 1 - 0.5 * 0.1 if "kernel" in variable.name else 1
        assert np.allclose(variable.numpy(), before[variable.name] * kept, rtol=1e-6)


@pytest.mark.larq
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_is_built_and_only_its_head_is_float32(
    name: str, tools: Backend
) -> None:
    one = ARCHITECTURES[name]
    keras = tools.keras
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = one.build(Parts(tools, one.settings, training=True))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert model.output_shape == (None, one.classes)
    policies = [layer.dtype_policy.name for layer in model.layers]
    assert policies[-1] == "float32"
    assert set(policies[:-2]) == {"mixed_bfloat16"}
