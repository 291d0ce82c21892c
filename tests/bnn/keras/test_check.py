"""What Keras computes against what the reference does, and that a difference is seen and named."""

from __future__ import annotations

import re
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest

from bnn import train, zoo
from bnn.data import datasets
from bnn.keras.apart import check_apart
from bnn.keras.check import check
from bnn.keras.observer import Observer
from bnn.larq.model_file import read_model
from bnn.model.network import BatchNorm
from bnn.reference import forward
from bnn.values.encoding import ENCODINGS, detect
from pimsim.errors import InputError, PimsimError


class Case:
    """A bundled network with images, and the logits that belong to it."""

    def __init__(self, name, limit=None):
        entry = zoo.entry(name)
        self.path, self.network = entry.path, read_model(entry.path)
        data = datasets.reshape_for(datasets.load(entry.data), self.network.input_shape)
        self.x = data.x[:limit]
        self.y = data.y[:limit]
        self.encoding, _ = detect(self.x)
        self.logits = forward(self.network, self.x, self.encoding).logits

    def check(self, **changes):
        given = {"network": self.network, "logits": self.logits, **changes}
        return check(self.path, given["network"], self.x, self.encoding, given["logits"])


@pytest.fixture(scope="module")
def digits():
    return Case("digits-mlp")


def equal_layers(found):
    """By layer, whether its accumulators and operands are Keras's."""
    return {
        layer.name: layer.accumulators_wrong == layer.operands_wrong == 0 for layer in found.layers
    }


def with_layer(network, layer):
    layers = [layer if one.name == layer.name else one for one in network.layers]
    return replace(network, layers=tuple(layers))


def with_flipped_weight(network, name, place):
    layer = next(one for one in network.layers if one.name == name)
    kernel = layer.kernel.copy()
    kernel[place] = -1.0 if kernel[place] >= 0 else 1.0
    return with_layer(network, replace(layer, kernel=kernel))


@pytest.mark.larq
def test_the_network_of_the_digits_is_kerass(digits, capfd):
    seen = []
    logits = digits.logits
    found = check(
        digits.path,
        digits.network,
        digits.x,
        digits.encoding,
        logits,
        progress=lambda *at: seen.append(at),
    )
    assert found.difference is None
    assert equal_layers(found) == {"dense1": True, "dense2": True, "dense3": True}
    assert [layer.accumulators for layer in found.layers] == [364 * 256, 364 * 256, 364 * 10]
    assert [layer.operands for layer in found.layers] == [364 * 64, 364 * 256, 364 * 256]
    assert found.predictions_compared > 360
    assert found.predictions_wrong == 0
    assert found.logits_max_abs_diff <= found.logits_tolerance < 0.001
    assert found.images == 364
    assert 0 < found.predict_s < 60
    assert seen[-1] == (364, 364)
    assert capfd.readouterr() == ("", "")


@pytest.mark.larq
@pytest.mark.mnist
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "accumulators", "images"),
    [
        ("mnist-mlp", [512, 512, 512, 10], 10_000),
        ("mnist-cnn", [26 * 26 * 32, 11 * 11 * 64, 3 * 3 * 64, 64, 10], 1_500),
    ],
)
def test_bundled_networks_are_kerass(name, accumulators, images):
    """That the rest of the test set comes out as Keras has it, runs in rows are held against."""
    case = Case(name, images)
    found = case.check()
    assert found.difference is None
    assert found.images == images
    assert [layer.accumulators for layer in found.layers] == [images * n for n in accumulators]
    assert found.predictions_compared > 0.999 * images
    if images == 10_000:
        assert (case.logits.argmax(-1) == case.y).sum() == zoo.entry(name).card.correct


def found_or_refusal(*given):
    """What a check finds, or why Keras cannot be asked."""
    try:
        return check(*given)
    except PimsimError as error:
        return str(error)


def keras_copes_with(path, x, keras):
    """Whether Keras can use a file: not if a quantizer was passed as a function.

    On processors with oneDNN's fusions, TensorFlow has no BatchNorm with a tanh behind it either.
    """
    try:
        keras.models.load_model(path, compile=False).predict(x, verbose=0)
    except (TypeError, ValueError, train.backend().tensorflow.errors.OpError):
        return False
    return True


@pytest.mark.larq
@pytest.mark.slow
def test_every_kind_of_network_is_kerass(libraries, fixtures, tmp_path):
    """Both formats are read alike, and Keras has them in turn."""
    ties, checked = 0, []
    for number, name in enumerate(fixtures.names()):
        model, x, kind = fixtures.build(libraries, name)
        paths = [tmp_path / f"{name}.{suffix}" for suffix in ("keras", "h5")]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras calls .h5 legacy
            for path in paths:
                model.save(path)
        path, other = paths[:: 1 if number % 2 else -1]
        network, encoding = read_model(path), ENCODINGS.get(kind)
        logits = forward(network, x, encoding).logits
        assert np.array_equal(forward(read_model(other), x, encoding).logits, logits), name
        found = found_or_refusal(path, network, x, encoding, logits)
        if isinstance(found, str):
            assert re.search(r"(does not load it|fails in model\.predict): .+$", found), name
            assert not keras_copes_with(path, x, libraries.keras), name
            continue
        checked.append(name)
        assert found.difference is None, name
        assert found.layers, name
        assert found.predictions_compared > 0, name
        ties += found.images - found.predictions_compared
    assert len(checked) >= len(fixtures.names()) - 2
    assert ties > 0  # some of these networks end in whole numbers


@pytest.mark.larq
@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("place", [(0, 0), (37, 5)])  # pixel 0 has one value in every image
@pytest.mark.parametrize("layer", ["dense1", "dense2", "dense3"])
def test_one_flipped_weight_is_seen_in_its_layer(layer, place, digits):
    network = with_flipped_weight(digits.network, layer, place)
    found = digits.check(network=network)
    assert found.difference.endswith(f"accumulators of layer {layer!r}")
    equal = equal_layers(found)
    names = list(equal)
    assert all(equal[name] for name in names[: names.index(layer)])
    assert not equal[layer]


@pytest.mark.larq
@pytest.mark.mnist
def test_one_flipped_weight_of_a_convolution_is_seen_in_its_layer():
    case = Case("mnist-cnn", limit=20)
    assert case.check().difference is None
    for layer in ("conv1", "conv2", "conv3"):
        network = with_flipped_weight(case.network, layer, (2, 1, 0, 3))
        assert case.check(network=network).difference.endswith(f"accumulators of layer {layer!r}")


@pytest.mark.larq
@pytest.mark.usefixtures("untraced")
def test_a_moved_threshold_is_seen_in_what_the_next_layer_is_fed_with(digits):
    norm = next(layer for layer in digits.network.layers if isinstance(layer, BatchNorm))
    mean = norm.mean.copy()
    mean[3] += 1
    found = digits.check(network=with_layer(digits.network, replace(norm, mean=mean)))
    assert equal_layers(found)["dense1"]
    assert not equal_layers(found)["dense2"]
    assert found.difference.endswith(f"of {364 * 256} operands of layer 'dense2'")


@pytest.mark.larq
@pytest.mark.usefixtures("untraced")
def test_other_logits_are_seen(digits):
    logits = digits.logits.copy()
    logits[7, 2] += 0.1
    found = digits.check(logits=logits)
    assert all(equal_layers(found).values())
    assert found.difference == "logits, by up to 0.1"
    logits[7, logits[7].argmin()] += 1000
    found = digits.check(logits=logits)
    assert found.predictions_wrong == 1
    logits[0, 0] = np.nan
    assert digits.check(logits=logits).difference == "logits, by up to nan"


@pytest.mark.larq
def test_a_network_of_another_file_is_refused(digits):
    other = replace(digits.network.layers[0], name="elsewhere")
    network = replace(digits.network, layers=(other, *digits.network.layers[1:]))
    with pytest.raises(InputError) as error:
        digits.check(network=network)
    assert str(error.value) == (
        "`network` must be the one in the model file, which has no layer 'elsewhere' "
        "with a kernel of shape (64, 256)"
    )
    with pytest.raises(InputError, match=r"`logits` must have shape \(364, 10\), not \(364, 9\)"):
        digits.check(logits=digits.logits[:, :9])
    wide = digits.x.reshape(-1, 8, 8, 1)
    with pytest.raises(InputError, match=r"images of `x` must have shape \(64,\), not \(8, 8, 1\)"):
        check(digits.path, digits.network, wide, digits.encoding, digits.logits)


def test_without_the_extra_the_way_to_it_is_said(monkeypatch, digits):
    for name in ("tensorflow", "tf_keras", "larq"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError) as error:
        digits.check()
    assert str(error.value) == (
        "`--check-keras` needs tensorflow, tf_keras, larq: pip install 'pimsim[larq]'"
    )


@pytest.mark.larq
@pytest.mark.parametrize("name", ["functional", "same-plus", "late-norm", "dilated"])
def test_observing_leaves_the_model_as_it_was(name, libraries, fixtures):
    model, x, _ = fixtures.build(libraries, name)
    before = model.predict(x, verbose=0)
    observer = Observer(model, train.backend())

    def interrupt(name, operands, sums):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        observer.run(x, interrupt)
    configs = [layer.get_config() for layer in model.layers]
    observer.run(x, lambda *_: None)
    assert [layer.get_config() for layer in model.layers] == configs
    assert np.array_equal(model(x).numpy(), before)
    assert all(not layer.use_bias or layer.bias is not None for layer in observer.products.values())


@pytest.mark.larq
@pytest.mark.parametrize("where", ["operands", pytest.param("weights", marks=pytest.mark.slow)])
def test_ties_that_float32_decides_otherwise_are_named_and_no_difference(
    where, libraries, tmp_path
):
    keras, larq = libraries.keras, libraries.larq
    thirds = larq.quantizers.DoReFa(2, mode="activations" if where == "operands" else "weights")
    first = {"input_quantizer": thirds, "kernel_quantizer": "ste_sign"}
    if where == "weights":
        first = {"input_quantizer": "ste_sign", "kernel_quantizer": thirds}
    model = keras.Sequential([
        larq.layers.QuantDense(64, use_bias=False, input_shape=(30,), **first),
        keras.layers.BatchNormalization(scale=False),
        larq.layers.QuantDense(48, use_bias=False, input_quantizer="ste_sign",
                               kernel_quantizer="ste_sign"),
        larq.layers.QuantDense(5, input_quantizer="ste_sign", kernel_quantizer="ste_sign"),
    ])  # fmt: skip
    rng = np.random.default_rng(11)
    shapes = [w.shape for w in model.get_weights()]
    weights = [rng.normal(size=s).astype(np.float32) if len(s) > 1 else np.zeros(s) for s in shapes]
    weights[3] += 1  # the variance
    model.set_weights(weights)
    path = tmp_path / "net.h5"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path)
    network = read_model(path)
    x = rng.normal(size=(400, 30)).astype(np.float32)
    logits = forward(network, x, None).logits
    found = check(path, network, x, None, logits)
    assert found.difference is None
    middle = network.layers[2].name
    assert set(found.ties) == {middle}
    assert 0 < found.ties[middle] < 400 * 64 / 20
    assert found.predictions_compared < 400
    # A threshold that is moved by less than a third is still seen, and so is a wrong logit.
    norm = network.layers[1]
    moved = with_layer(network, replace(norm, mean=norm.mean + np.float32(0.01)))
    wrong = check(path, moved, x, None, forward(moved, x, None).logits)
    assert f"operands of layer {middle!r}" in wrong.difference
    tied = np.flatnonzero((logits != model.predict(x, verbose=0)).any(axis=1))
    assert tied.size
    logits[tied[0], 0] += 2
    assert check(path, network, x, None, logits).difference == "logits, by up to 2"


@pytest.mark.larq
def test_a_process_of_tensorflow_that_is_killed_is_said(digits, killed_at_once):
    killer = killed_at_once()
    found = check_apart(digits.path, digits.x, digits.encoding, digits.logits)
    killer.join()
    assert found == "the process of TensorFlow was ended by SIGKILL"


@pytest.mark.larq
@pytest.mark.slow
def test_what_keras_refuses_in_its_process_is_handed_over(digits, tmp_path):
    path = tmp_path / "none.h5"
    found = check_apart(path, digits.x, digits.encoding, digits.logits)
    assert found == f"{str(path)!r}: no such file; give a .keras or .h5 file saved by Larq"
    seen = []
    found = check_apart(
        digits.path,
        digits.x,
        digits.encoding,
        digits.logits,
        progress=lambda *at: seen.append(at),
    )
    assert found.difference is None
    assert seen[-1] == (364, 364)
