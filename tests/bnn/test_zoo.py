from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from bnn import zoo
from bnn.data.datasets import fingerprint, load, reshape_for
from bnn.keras.check import check
from bnn.larq.model_file import read_model
from bnn.model.layers.product import has_integer_kernel
from bnn.model.network import BatchNorm, Conv2D, Dense
from bnn.reference import forward
from bnn.run.execute import run
from bnn.system.system import System
from bnn.tables import catalog
from bnn.training.architectures import ARCHITECTURES
from bnn.training.card import Card
from bnn.values.encoding import ENCODINGS, detect
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard import standard
from pimsim.errors import InputError

NAMES = ("cifar10-binarynet", "digits-mlp", "mnist-cnn", "mnist-lenet5", "mnist-mlp")
BINARYNET = (48, 48, 96, 96, 192, 192)
UNTRAINED = ("cifar10-binarynet-full",)


def test_every_architecture_is_bundled_or_too_large_to_be() -> None:
    assert zoo.names() == NAMES
    assert not set(NAMES) & set(catalog.names())
    assert sorted(ARCHITECTURES) == sorted(NAMES + UNTRAINED)


def test_together_they_are_small() -> None:
    sizes = [zoo.entry(name).file_bytes for name in NAMES]
    assert max(sizes) < 8e6
    assert sum(sizes) < 12e6


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("digits-mlp", 0.95),
        ("mnist-mlp", 0.975),
        ("mnist-cnn", 0.98),
        ("mnist-lenet5", 0.974),  # what pLUTo (MICRO 2022), table 7, quotes
        ("cifar10-binarynet", 0.72),
    ],
)
def test_they_are_accurate(name: str, least: float) -> None:
    one = zoo.entry(name)
    assert one.accuracy >= least
    assert one.accuracy == one.card.correct / one.card.test_images
    assert round(one.accuracy, 4) == one.card.history[-1].test_accuracy


@pytest.mark.parametrize("name", NAMES)
def test_a_card_belongs_to_its_file(name: str) -> None:
    one = zoo.entry(name)
    assert one.card.network == one.name == name
    assert one.card.model_sha256 == hashlib.sha256(one.path.read_bytes()).hexdigest()
    assert one.card.settings == ARCHITECTURES[name].settings
    assert one.card.settings.epochs == len(one.card.history)
    assert Card.parse(one.text).markdown() == one.text
    assert one.text.startswith(f"# {name}\n")


@pytest.mark.parametrize("name", NAMES)
def test_a_card_counts_what_the_file_holds(name: str) -> None:
    one = zoo.entry(name)
    network = read_model(one.path)
    assert network.input_shape == ARCHITECTURES[name].input_shape
    shapes = dict(zip((layer.name for layer in network.layers), network.shapes(), strict=True))
    parameters = binary = 0
    for layer in network.layers:
        if isinstance(layer, Dense | Conv2D):
            parameters += layer.kernel.size
            assert layer.bias is None
            assert has_integer_kernel(layer)
            binary += layer.kernel.size
        elif isinstance(layer, BatchNorm):
            vectors = (layer.mean, layer.variance, layer.gamma, layer.beta)
            parameters += sum(vector.size for vector in vectors if vector is not None)
    assert one.parameters == parameters
    assert one.card.binary_weights == binary
    for row in one.card.layers:
        assert row.output == "x".join(map(str, shapes[row.layer]))


@pytest.mark.parametrize("name", NAMES)
def test_no_optimizer_state_is_shipped(name: str) -> None:
    one = zoo.entry(name)
    assert one.file_bytes < 1.2 * 4 * one.parameters + 60_000
    with zipfile.ZipFile(one.path) as archive:
        assert b"compile_config" not in archive.read("config.json")


def test_the_first_layer_takes_inputs_as_they_are() -> None:
    for name in NAMES:
        first = read_model(zoo.entry(name).path).layers[0]
        assert isinstance(first, Dense | Conv2D)
        assert first.input_quantizer is None


def test_digits_card_is_about_the_digits_that_load() -> None:
    sets = load("digits", "train"), load("digits", "test")
    assert zoo.entry("digits-mlp").card.data_sha256 == fingerprint(*sets)


@pytest.mark.mnist
def test_mnist_cards_are_about_the_mnist_that_loads() -> None:
    for name in ("mnist-mlp", "mnist-cnn", "mnist-lenet5"):
        shape = ARCHITECTURES[name].input_shape
        sets = (reshape_for(load("mnist", split), shape) for split in ("train", "test"))
        assert zoo.entry(name).card.data_sha256 == fingerprint(*sets)


@pytest.mark.cifar10
@pytest.mark.slow
def test_cifar10_card_is_about_the_re_encoded_cifar10_that_loads() -> None:
    card = zoo.entry("cifar10-binarynet").card
    sets = load("cifar10", "train"), load("cifar10", "test")
    assert card.data == sets[0].name == "CIFAR-10 (JPEG re-encode)"
    assert card.data_sha256 == fingerprint(*sets)


@pytest.mark.parametrize(
    "name",
    [
        "digits-mlp",
        pytest.param("mnist-mlp", marks=pytest.mark.mnist),
    ],
)
def test_the_exact_reference_is_as_accurate_as_keras_was(name: str) -> None:
    """Those of the convolutional ones are held against their rows in ``test_mnist_runs``."""
    one = zoo.entry(name)
    network = read_model(one.path)
    data = reshape_for(load(one.data), network.input_shape)
    found = detect(data.x)
    assert found is not None
    logits = forward(network, data.x, found[0]).logits
    assert int((logits.argmax(axis=1) == data.y).sum()) == one.card.correct


@pytest.mark.cifar10
@pytest.mark.larq
def test_cifar10_binarynet_runs_in_rows_as_in_keras() -> None:
    one = zoo.entry("cifar10-binarynet")
    network, x = read_model(one.path), load("cifar10").x[:50]
    done = run(
        network,
        x,
        ENCODINGS["symmetric"],
        System(standard.load("ddr3-1600-8-8-8"), ModelOptions()),
        "output-stationary",
    )
    assert done.bit_exact
    found = check(one.path, network, x, ENCODINGS["symmetric"], done.logits)
    assert found.difference is None
    assert [layer.accumulators // 50 for layer in found.layers] == [
        *(
            side * side * width
            for side, width in zip((32, 32, 16, 16, 8, 8), BINARYNET, strict=True)
        ),
        256,
        10,
    ]


def test_unknown_names_are_refused() -> None:
    with pytest.raises(InputError) as error:
        zoo.entry("mnist")
    assert str(error.value) == (
        "`network` must be one of cifar10-binarynet, digits-mlp, mnist-cnn, mnist-lenet5, "
        "mnist-mlp, not 'mnist'; did you mean 'mnist-cnn'?"
    )


def test_a_network_is_a_name_or_a_path(tmp_path: Path) -> None:
    assert zoo.locate("mnist-cnn") == zoo.entry("mnist-cnn").path
    mine = tmp_path / "mine"
    mine.write_bytes(b"")
    assert zoo.locate(str(mine)) == mine
    for network, reason in (
        ("nothing", "or the path of a .keras or .h5 file, not 'nothing'"),
        *((name, f"costed, with pimsim run {name} --cost-only") for name in catalog.names()),
        (str(tmp_path / "gone.keras"), "must be an existing file"),
        ("", "must be an existing file"),
    ):
        with pytest.raises(InputError) as error:
            zoo.locate(network)
        assert reason in str(error.value)
