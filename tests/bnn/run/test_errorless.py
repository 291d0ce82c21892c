"""What the reference answers is what a DRAM gives in which nothing goes wrong."""

from __future__ import annotations

import numpy as np
import pytest

from bnn import zoo
from bnn.larq import model_file
from bnn.model.network import BatchNorm, Dense, Flatten, LocallyConnected, Network
from bnn.run import errorless
from bnn.run.execute import run
from bnn.values.encoding import ENCODINGS, Encoding
from pimsim.errors import InputError

from ..mapping.mapping_networks import dense, padded
from ..random_layers import kernel_of, norm_of
from .audited import SYSTEM, network


def _local() -> Network:
    """A layer with weights of its own at each position, which is several stages."""
    rng = np.random.default_rng(3)
    sign = ("ste_sign", "ste_sign")
    local = LocallyConnected("local", kernel_of(rng, 9, 2 * 2 * 3, 4), None, *sign, size=(2, 2))
    last = Dense("d", kernel_of(rng, 36, 3), None, *sign)
    return Network("local", (4, 4, 3), (local, norm_of(rng, "norm", 4), Flatten("flat"), last))


def _on_the_host() -> Network:
    """A layer whose operands are real numbers, and one behind whose bits real numbers are made."""
    rng = np.random.default_rng(4)
    ones = np.ones(6, np.float32)
    return Network(
        "host", (5,),
        (
            Dense("real", kernel_of(rng, 5, 6), kernel_of(rng, 6), None, None),
            BatchNorm("norm", kernel_of(rng, 6), ones, kernel_of(rng, 6), None, 1e-3),
            Dense("d", kernel_of(rng, 6, 6), None, "ste_sign", "ste_sign"),
            Dense("last", kernel_of(rng, 6, 2), kernel_of(rng, 2), None, None),
        ),
    )  # fmt: skip


CASES: list[tuple[Network, str | None]] = [
    (network(), "unit"),
    (dense(40, 9), "symmetric"),
    (dense(300, 70), "uint8"),
    *[(padded(value), None) for value in (-1.0, 0.0, 1.0)],
    (_local(), None),
    (_on_the_host(), None),
    (model_file.read_model(zoo.locate("digits-mlp"), None), "sixteenths"),
]


@pytest.mark.parametrize(("some", "encoding"), CASES, ids=lambda one: getattr(one, "name", one))
def test_logits_are_those_of_rows(some: Network, encoding: str | None) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(70, *some.input_shape)).astype(np.float32)
    known: Encoding | None = None
    if encoding is not None:
        known = ENCODINGS[encoding]
        x = known.levels()[rng.integers(0, known.largest + 1, x.shape)]
    done = run(some, x, known, SYSTEM)
    assert done.bit_exact
    found = errorless.logits(some, x, known)
    assert found.dtype == done.logits.dtype
    assert np.array_equal(found, done.logits)
    assert np.array_equal(errorless.logits(some, x, known, threads=1), done.logits)


def test_images_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match=r"`x` must have shape \(n, 6, 6, 1\), not \(2, 5\)"):
        errorless.logits(network(), np.zeros((2, 5), np.float32), ENCODINGS["unit"])
