"""Comparing a run with the integer reference, layer by layer and image by image.

For each layer in DRAM, the reference computes from the layer's own operands, and every sum and
every bit is compared. The operands are compared with the values of the layer before. So all images
(or as many as are asked for) are checked from pixels to logits, and yet the values of a layer are
never kept twice. A few images are also computed from end to end in a second way, by exact
floating-point products, and all of their operands and logits are compared.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bnn import reference
from bnn.lowering.stage import Stage
from bnn.mapped.mapped_stage import Result
from bnn.reference.checker import SumChecker
from bnn.run.flow import Flow
from bnn.values.bitstrings import BitStrings, chosen

END_TO_END = 16
"""Images that are also taken from end to end."""

_AT_A_TIME = 1 << 18
"""Operands that are compared at a time: they stay in a processor's cache."""


class Audit:
    """Checks a run.

    Args:
        flow: the run.
        tell: reports progress.
        threads: processors used, all if None.
        images: how many of them are checked, spread evenly over all; None: all.

    Raises InputError for images that do not fit the network.
    """

    def __init__(
        self,
        flow: Flow,
        tell: Callable[[str, int, int], None],
        threads: int | None = None,
        images: int | None = None,
    ) -> None:
        self._flow, self._tell, self._threads = flow, tell, threads
        self.images: NDArray[np.intp] | None = None
        """``(checked,)`` which are checked, in order; None: all."""
        count = len(flow.images)
        if images is not None and images < count:
            self.images = spread(count, images)
        self.checked = count if self.images is None else len(self.images)
        """How many are."""
        self.exact = True
        """Whether everything so far equals the reference."""
        self.check_s = 0.0
        """Wall time of all that was only done to check."""
        with self._timed():
            x = flow.images
            reference.refuse_unfit(flow.network, x)
            self._ends = spread(self.checked, END_TO_END)
            self._some = self._ends if self.images is None else self.images[self._ends]
            told = partial(tell, "reference")
            self._expected = reference.forward(
                flow.network, x[self._some], flow.encoding,
                progress=lambda done: told(done, len(self._some)),
            )  # fmt: skip

    def checker(self, stage: Stage, operands: BitStrings) -> SumChecker:
        """Check the operands of a stage, those of the images that are; returns what checks sums."""
        with self._timed():
            fed = self._flow.analysis.fed[stage.index]
            ends = self._expected.operands[stage.layer.name]
            stored = fed.encoding.stored(ends).reshape(len(ends), *operands.shape[1:])
            self.exact &= all(
                np.array_equal(operands.some(slice(image, image + 1)).integers()[0], right)
                for image, right in zip(self._ends.tolist(), stored, strict=True)
            )
            step = max(1, _AT_A_TIME // (operands.pixels * operands.channels))
            for start in range(0, operands.images, step):
                some = slice(start, min(start + step, operands.images))
                which = some if self.images is None else self.images[some]
                own = self._flow.expected(stage, which)
                if own is not None:
                    found = operands.some(some).integers()
                    self.exact &= np.array_equal(found, own.reshape(found.shape))
            return SumChecker(stage, fed, operands, self._threads, self.images, self._flow.network)

    def result(self, stage: Stage, checker: SumChecker, result: Result) -> None:
        """Check the results of a stage; it also says how long its sums took to check."""
        self.check_s += result.check_s
        with self._timed():
            if stage.thresholds is not None:
                checker.decide(self._flow.network, chosen(result.values, self.images))
            self.exact &= checker.wrong == 0

    def logits(self, logits: NDArray[np.float32]) -> None:
        """Check the logits of the images that were taken from end to end."""
        with self._timed():
            self.exact &= np.array_equal(logits[self._some], self._expected.logits)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.check_s += time.perf_counter() - started


def spread(count: int, some: int) -> NDArray[np.intp]:
    """Numbers of at most ``some`` of ``count`` images, spread evenly: the first, and the last.

    >>> spread(10, 4).tolist(), spread(3, 16).tolist(), spread(10, 1).tolist()
    ([0, 3, 6, 9], [0, 1, 2], [0])
    """
    return np.unique(np.linspace(0, count - 1, min(some, count)).astype(np.intp))
