"""Comparing a network with Keras: every accumulator of every binary layer, and the predictions.

The integer reference and Keras run on the same images, each through the whole network by itself.
``bnn.keras.accumulators`` says what is compared in a layer. The logits of the simulated DRAM are
compared with Keras's, and the position of the largest with the result of ``model.predict``, which
is also timed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn import reference, train
from bnn.keras.accumulators import LayerCheck, Tally, tallies
from bnn.keras.model_file import in_one_line, load
from bnn.keras.observer import DEPTHWISE, Observer
from bnn.keras.ties import follow
from bnn.model.network import Network
from bnn.values.encoding import Encoding
from pimsim.errors import InputError, PimsimError

PREDICT_BATCH = 512
"""Images that Keras predicts together while it is timed; among the fastest sizes from 32 to 2000
for the bundled networks on two cores."""

PREDICT_RUNS = 3
"""Predictions of all images that are timed, the fastest of which counts."""

LOGIT_TOLERANCE = 1e-5
"""Allowed difference of logits, relative to the largest: host and Keras round float32 in different
orders. Assumed; the last BatchNorm of the bundled networks causes less than 2e-7."""

TIE = 2.0**-20
"""Two logits that differ by less than this, relative to the largest of the image, count as equal.
It is a few roundings in float32; for such logits, Keras's argmax depends on its vector
instructions."""

_LONGEST_TIMING_S = 10.0
"""After this much time, no further run is timed."""

_BATCH = 1 << 22
"""Values of the widest layer in one batch: 16 MB of float32."""


@dataclass(frozen=True, slots=True)
class KerasCheck:
    """How a network compares with Keras, and how long Keras took."""

    images: int
    layers: tuple[LayerCheck, ...]
    """Binary layers, from input to output."""
    logits_max_abs_diff: float
    logits_tolerance: float
    """Largest difference of logits that is attributed to rounding (:data:`LOGIT_TOLERANCE`)."""
    predictions_compared: int
    """Images whose two largest logits differ in Keras."""
    predictions_wrong: int
    """How many of them ``model.predict`` classifies in another way."""
    predict_s: float
    """Fastest ``model.predict`` of all images, after a warm-up, on all cores."""

    @property
    def ties(self) -> dict[str, int]:
        """Number of ties that Keras decides in another way, for each layer that has some.

        They do not count as differences; images with ties are left out of the comparison of
        predictions.
        """
        return {layer.name: layer.ties for layer in self.layers if layer.ties}

    @property
    def difference(self) -> str | None:
        """First thing that differs, from input to output, in words; None where nothing does."""
        for layer in self.layers:
            for what in ("operands", "accumulators"):
                wrong = getattr(layer, f"{what}_wrong")
                if wrong:
                    return f"{wrong} of {getattr(layer, what)} {what} of layer {layer.name!r}"
        if not self.logits_max_abs_diff <= self.logits_tolerance:
            return f"logits, by up to {self.logits_max_abs_diff:.3g}"
        if self.predictions_wrong:
            return f"{self.predictions_wrong} of {self.predictions_compared} predictions"
        return None


def check(
    path: Path,
    network: Network,
    x: NDArray[np.float32] | NDArray[np.uint8],
    encoding: Encoding | None,
    logits: NDArray[np.float32],
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> KerasCheck:
    """Run a model file in Keras and compare.

    Works through the images a few at a time, so that memory stays bounded.

    Args:
        path: the model file.
        network: the network that was read from it.
        x: images ``(n, *network.input_shape)``, as the Keras model is fed.
        encoding: how ``x`` stands for integers; None if the first layer has real inputs and runs on
            the host.
        logits: ``(n, classes)``, the results of the simulated DRAM.
        progress: called with the number of images done and their total.

    Raises:
        InputError: TensorFlow or Larq is missing, the file is not one to give to Keras
            (:func:`bnn.keras.model_file.load`), ``x`` or ``logits`` do not fit, or ``network``
            has a binary layer that the file has not.
        PimsimError: TensorFlow fails to predict with the model.
    """
    tools = train.backend("`--check-keras`")
    model = load(path, tools.keras, network.input_shape)
    network = network.before_softmax()
    wanted = (len(x), *network.shapes()[-1])
    if logits.shape != wanted:
        raise InputError(f"`logits` must have shape {wanted}, not {logits.shape}")
    if x.shape[1:] != network.input_shape or len(x) == 0:
        raise InputError(f"images of `x` must have shape {network.input_shape}, not {x.shape[1:]}")
    inputs = x.astype(np.float32, copy=False)
    observer = Observer(model, tools)
    layers = tallies(network, encoding, observer)
    widest = max(prod(shape) for shape in (network.input_shape, *network.shapes()))
    step = max(1, _BATCH // widest)
    outputs, predict_s = _predict(model, inputs)
    batches = []
    for start in range(0, len(x), step):
        part = slice(start, start + step)
        batches.append(_compare(network, x[part], encoding, logits[part], observer, layers))
        progress(min(part.stop, len(x)), len(x))
    found_logits = np.concatenate([theirs for theirs, _, _ in batches])
    clear = ~np.concatenate([tied for _, _, tied in batches])
    compared, wrong = compare_predictions(logits[clear], found_logits[clear], outputs[clear])
    if wrong:  # a difference that comes only from rounding in another batch does not count
        differ = logits.argmax(-1) != outputs.argmax(-1)
        other = clear & differ.reshape(len(x), -1).any(axis=1)
        clear[other] &= ~follow(network, x[other], encoding, {}).open
        compared, wrong = compare_predictions(logits[clear], found_logits[clear], outputs[clear])
    return KerasCheck(
        images=len(x),
        layers=tuple(tally.result() for tally in layers.values()),
        logits_max_abs_diff=float(np.max([off.max() for _, off, _ in batches])),
        logits_tolerance=LOGIT_TOLERANCE * float(np.abs(found_logits).max()),
        predictions_compared=compared,
        predictions_wrong=wrong,
        predict_s=predict_s,
    )


def _compare(
    network: Network,
    x: NDArray[np.float32] | NDArray[np.uint8],
    encoding: Encoding | None,
    logits: NDArray[np.float32],
    observer: Observer,
    layers: dict[str, Tally],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Compare a batch.

    Returns:
        Keras's logits; by image, the largest difference of logits; and the images with ties.
    """
    seen: dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}
    theirs = observer.run(
        x.astype(np.float32, copy=False), lambda name, *found: seen.update({name: found})
    )
    expected = reference.forward(network, x, encoding, keep_sums=True)
    firsts = {
        name: name + DEPTHWISE if name + DEPTHWISE in expected.operands else name for name in layers
    }
    shown = {first: layers[name].shown(seen[name][0]) for name, first in firsts.items()}
    other = np.zeros(len(x), np.bool_)
    for first, operands in shown.items():
        differ = operands != expected.operands[first]
        other |= differ.reshape(len(x), -1).any(axis=1)
    ties: dict[str, NDArray[np.bool_]] = {}
    tied = np.zeros(len(x), np.bool_)
    off = _distance(logits, theirs)
    if other.any():
        integers = {first: _integers(operands[other]) for first, operands in shown.items()}
        followed = follow(network, x[other], encoding, integers)
        ties = followed.ties
        for first, found in ties.items():
            expected.operands[first][other] = followed.operands[first]
            tied[np.flatnonzero(other)[found.reshape(len(found), -1).any(axis=1)]] = True
        for name, sums in followed.sums.items():
            expected.sums[name][other] = sums
        across = _distance(followed.logits, theirs[other])
        own = _distance(logits[other], expected.logits[other])
        off[other] = np.where(tied[other], np.maximum(across, own), off[other])
    for name, first in firsts.items():
        count = int(np.count_nonzero(ties[first])) if first in ties else 0
        layers[name].add(expected.operands[first], expected.sums[name], *seen[name], count)
    return theirs, off, tied


def _integers(shown: NDArray[np.float32]) -> NDArray[np.int32]:
    """Return integers; a number that is no integer becomes one that no operand can be."""
    whole = np.isfinite(shown) & (shown == np.rint(shown)) & (np.abs(shown) < 2**30)
    return np.where(whole, shown, 2.0**30).astype(np.int32)


def _distance(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Largest difference by image."""
    result: NDArray[np.float32] = np.abs(ours - theirs).reshape(len(ours), -1).max(axis=1)
    return result


def compare_predictions(
    ours: NDArray[np.float32], theirs: NDArray[np.float32], outputs: NDArray[np.float32]
) -> tuple[int, int]:
    """Count images whose largest logit is not where Keras has it.

    Args:
        ours: logits ``(n, classes)``.
        theirs: Keras's.
        outputs: ``(n, classes)``: what ``model.predict`` gave, a softmax included.

    Returns:
        How many were compared, those where neither Keras's two largest logits nor its two largest
        outputs are equal, and how many of them differ.

    >>> ours = np.float32([[1, 2], [2, 2], [3, 0]])
    >>> compare_predictions(ours, ours, np.float32([[0, 1], [0, 1], [0, 1]]))
    (2, 1)
    """
    if theirs.shape[-1] < 2:
        return 0, 0
    top, outputs_top = (np.sort(one, axis=-1)[..., -2:] for one in (theirs, outputs))
    clear = top[..., 1] - top[..., 0] > TIE * np.abs(theirs).max(axis=-1)
    clear &= outputs_top[..., 1] > outputs_top[..., 0]
    other = ours.argmax(axis=-1) != outputs.argmax(axis=-1)
    return int(clear.sum()), int((clear & other).sum())


def _predict(model: Any, x: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """Outputs for all images, and the seconds of the fastest run."""
    outputs = _outputs(model, x[: 2 * PREDICT_BATCH])
    seconds: list[float] = []
    while len(seconds) < PREDICT_RUNS and sum(seconds) < _LONGEST_TIMING_S:
        started = time.perf_counter()
        outputs = _outputs(model, x)
        seconds.append(time.perf_counter() - started)
    return outputs, min(seconds)


def _outputs(model: Any, x: NDArray[np.float32]) -> NDArray[np.float32]:
    try:
        outputs: NDArray[np.float32] = model.predict(x, batch_size=PREDICT_BATCH, verbose=0)
    except Exception as error:  # its graph optimizer makes kernels that it then does not have
        raise PimsimError(f"TensorFlow fails in model.predict: {in_one_line(error)}") from None
    return outputs
