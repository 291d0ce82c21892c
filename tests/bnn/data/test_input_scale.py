"""Scales of pixels: exact encodings, and what gives a wrong one away."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnn import zoo
from bnn.data.datasets import load, reshape_for
from bnn.data.input_scale import PIXELS, InputScale, pixels_of
from bnn.larq.model_file import read_model
from bnn.model.network import BatchNorm, Dense, Network
from bnn.model.objective import Objective
from bnn.run.doubts import guessing_hint, scale_hint
from bnn.run.scoring import Ending, read
from bnn.values.encoding import ENCODINGS, encode
from pimsim.errors import InputError

ALL = np.arange(256, dtype=np.uint8)[:, None]


@pytest.mark.parametrize("name", PIXELS)
@pytest.mark.parametrize("kept", PIXELS)
def test_pixels_are_scaled_from_any_scale_to_any(kept: str, name: str) -> None:
    x = ALL if kept == "raw" else PIXELS[kept].levels()[ALL]
    scaled, known = InputScale.parse(name).applied(x)
    assert known is None
    expected = {"raw": ALL, "unit": ALL / 255, "symmetric": ALL / 127.5 - 1}[name]
    np.testing.assert_allclose(scaled, expected.astype(np.float32), rtol=0, atol=6e-8)
    found = pixels_of(scaled)
    assert found is not None
    assert (found[0] is PIXELS[name], (found[1] == ALL).all()) == (True, True)


@given(st.decimals(-300, 300, places=3, allow_nan=False), st.decimals("0.001", 300, places=3))
def test_standardised_pixels_are_an_exact_encoding(mean: object, std: object) -> None:
    scaled, encoding = InputScale.parse(f"standardised:{mean},{std}").applied(ALL)
    assert encoding is not None
    assert (encoding.scale * 7 + encoding.offset) == (7 - Fraction(str(mean))) / Fraction(str(std))
    assert (encode(scaled, encoding) == ALL).all()
    expected = (ALL - float(str(mean))) / float(str(std))
    np.testing.assert_allclose(scaled, expected, rtol=1e-6, atol=1e-6)


def test_standardised_values_are_those_of_the_file() -> None:
    x = ENCODINGS["unit"].levels()[ALL]
    scaled, encoding = InputScale.parse("standardised:0.5,0.25").applied(x)
    assert encoding is not None
    assert encoding.scale == Fraction(4, 255)
    assert encoding.offset == -2
    np.testing.assert_allclose(scaled, (x - 0.5) / 0.25, atol=3e-7)


def test_a_mean_a_channel_and_numbers_that_are_no_pixels_are_real() -> None:
    x = np.float32([[0.1, 7.3], [1e3, -2]])
    scaled, encoding = InputScale.parse("standardised:1,2,4,8").applied(x)
    assert encoding is None
    np.testing.assert_allclose(scaled, (x - [1, 2]) / [4, 8], rtol=1e-6)
    with pytest.raises(InputError, match=r"as many as inputs have channels, 2, not 3"):
        InputScale.parse("standardised:1,2,3,4,5,6").applied(x)
    with pytest.raises(InputError, match=r"must be given with 8-bit pixels"):
        InputScale.parse("unit").applied(x)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bytes", "must be raw, unit, symmetric or standardised:MEAN,STD, not 'bytes'"),
        ("symetric", "standardised:MEAN,STD, not 'symetric'; did you mean 'symmetric'?"),
        ("", "must be raw, unit, symmetric or standardised:MEAN,STD, not ''"),
        ("unit:3", "not 'unit:3'"),
        ("standardised", "must give numbers as standardised:MEAN,STD"),
        ("standardised:1", "must give numbers"),
        ("standardised:1,2,3", "must give numbers"),
        ("standardised:1,nan", "must give numbers"),
        ("standardised:1,1e400", "must give numbers"),
        ("standardised:1,1e-400", "must have a positive standard deviation"),
        ("standardised:1,0", "must have a positive standard deviation, not 0"),
        ("standardised:1,-2", "must have a positive standard deviation, not -2"),
    ],
)
def test_what_is_no_scale_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        InputScale.parse(text)
    assert message in str(error.value)


def trained(scale: str) -> tuple[Network, np.ndarray]:
    """A layer and the BatchNorm that images in a scale would have left behind it."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (200, 30)).astype(np.uint8)
    kernel = rng.normal(size=(30, 12)).astype(np.float32)
    dense = Dense("d", kernel, None, kernel_quantizer="ste_sign")
    came = dense.run(PIXELS[scale].levels()[pixels[:100]])
    norm = BatchNorm("bn", came.mean(0), came.var(0), None, None, 1e-3)
    return Network("n", (30,), (dense, norm)), pixels[100:]


@pytest.mark.parametrize("scale", PIXELS)
@pytest.mark.parametrize("fed", PIXELS)
def test_a_batch_norm_gives_another_scale_away(scale: str, fed: str) -> None:
    network, pixels = trained(scale)
    told = scale_hint(network, PIXELS[fed].levels()[pixels])
    if fed == scale:
        assert told is None
    else:
        assert told is not None
        assert told.endswith(f"try --input-scale {scale}")
        assert "layer 'bn'" in told


def test_statistics_that_tell_nothing_say_nothing() -> None:
    network, pixels = trained("unit")
    assert scale_hint(network, pixels[:4]) is None
    assert scale_hint(network, np.float32([[0.123] * 30] * 20)) is None
    dense, norm = network.layers
    untouched = BatchNorm("bn", 0 * norm.mean, norm.mean**0, None, None, 1e-3)
    assert scale_hint(Network("n", (30,), (dense, untouched)), pixels) is None
    assert scale_hint(Network("n", (30,), (dense,)), pixels) is None


def test_where_no_usual_scale_fits_none_is_proposed() -> None:
    network, pixels = trained("symmetric")
    dense, norm = network.layers
    wider = BatchNorm("bn", norm.mean, 16 * norm.variance, None, None, 1e-3)
    assert scale_hint(Network("n", (30,), (dense, wider)), pixels) is None


@pytest.mark.mnist
@pytest.mark.parametrize("name", ["mnist-mlp", "mnist-cnn"])
def test_no_bundled_network_is_suspected_of_its_own_data(name: str) -> None:
    network = read_model(zoo.entry(name).path)
    x = reshape_for(load("mnist"), network.input_shape).x[:64]
    assert scale_hint(network, x) is None
    for fed in ("raw", "unit"):
        told = scale_hint(network, InputScale.parse(fed).applied(x)[0])
        assert told is not None
        assert told.endswith("try --input-scale symmetric")


def test_an_accuracy_of_guessing_on_raw_bytes() -> None:
    y = np.arange(100) % 10
    scoring = read(Ending((10,), "linear", Objective()), y)
    raw = np.random.default_rng(0).integers(0, 256, (100, 5)).astype(np.uint8)
    told = guessing_hint(scoring, raw, 0.12, 10)
    assert told is not None
    assert "try --input-scale unit or symmetric" in told
    assert guessing_hint(scoring, raw, 0.4, 10) is None
    assert guessing_hint(scoring, raw / np.float32(255), 0.12, 10) is None
    assert guessing_hint(scoring, raw % 2, 0.12, 10) is None
    assert guessing_hint(scoring, raw, None, 10) is None
