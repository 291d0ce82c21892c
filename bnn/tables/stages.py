"""From a table's products to stages: what the mappings need to know to book them.

A product ends in a sign, and a max pooling after it is computed with it, as in
:mod:`bnn.lowering.lower`, unless something reads the sums themselves: a residual connection, an
average pooling, a batch normalization of its own, or the output of the network. All of these run on
the host. So do a max pooling of branches, and one whose windows do not fit into the rows of a
subarray; the sums are then read out, too. A product that no mapping has room for runs on the host
with everything after it.

The first product reads pixels of eight bits, all others -1 and +1. Padding is +1, and all weights
are taken as +1. One output of each group then stands for all of them: which rows an adder takes,
and which of them complemented, changes neither the kinds of commands nor their number. Under the
mapping ``output-tree`` it does, so one group of outputs gets random weights, and all groups are
taken to cost the same.

>>> from bnn.tables.catalog import entry
>>> first, second = list(works(entry("lenet5")))[:2]
>>> first.product.name, first.planes, first.each
('c1', 8, 6)
>>> second.stage(data_rows=1006).windows.patch, second.stage(data_rows=50).windows.patch
(36, 25)
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from bnn.lowering.stage import Stage, Windows, each_pixel, lay, offsets
from bnn.lowering.thresholds import Thresholds
from bnn.model.network import Conv2D, Dense
from bnn.tables.graph import Node, PoolNode, ProductNode, Table

PIXEL_BITS = 8
"""Bits of an operand of the first product."""
_SIGN = "ste_sign"


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """What a product asks of a mapping."""

    product: ProductNode
    planes: int
    """Bits of an operand."""
    sums: bool
    """Whether its sums are wanted, not their signs."""
    pool: PoolNode | None
    """Max pooling that can be computed with it."""

    @property
    def each(self) -> int:
        """Outputs that every output of its stage stands for."""
        return self.product.outputs // self.product.groups

    @property
    def alike(self) -> Hashable:
        """Equal for what is laid out alike."""
        product = replace(self.product, name="", reads=())
        return product, self.planes, self.sums, self.pool and self.pool.window

    def stage(self, data_rows: int) -> Stage:
        """Lay it out as the stage of a network is, for subarrays of so many data rows."""
        if self.pool is not None:
            pooled = self._stage(_windows(self.product, self.pool), sums=False)
            if pooled.windows.offsets == 1 or pooled.holds_patch(data_rows):
                return pooled
        return self._stage(_windows(self.product, None), sums=self.sums or self.pool is not None)

    def _stage(self, laid: Windows, *, sums: bool) -> Stage:
        product, planes = self.product, self.planes
        outputs, taps = product.groups, laid.taps.shape[1]
        weights = np.ones((1, taps, laid.channels // product.groups, outputs), np.int8)
        if self.each == 1:
            weights = np.random.default_rng(0).choice([-1, 1], weights.shape).astype(np.int8)
        step, low = (1, 0) if planes > 1 else (2, -1)
        zeros = np.zeros(outputs, np.int64)
        return Stage(
            name=product.name,
            layer=_layer(product),
            index=0,
            end=1,
            shape=product.input,
            windows=laid,
            weights=weights,
            shifts=(0,),
            groups=product.groups,
            planes=planes,
            encoded=planes > 1,
            pad=(1 << planes) - 1,
            zero_padding=False,
            scale=step,
            offsets=offsets(weights, (0,), planes, step, low),
            thresholds=None if sums else Thresholds(zeros, zeros > 0),
            conjunction=zeros > 0,
            each=self.each,
        )


def works(table: Table) -> Iterator[Work]:
    """Yield the work that every product of a table is, in order."""
    for number, product in enumerate(table.products):
        sums = reads_sums(table, product)
        pool = None if sums else pool_behind(table, product)
        yield Work(product, 1 if number else PIXEL_BITS, sums, pool)


def reads_sums(table: Table, node: Node) -> bool:
    """Whether anything that reads a node, if need be through others, needs more than its sign."""
    readers = table.readers(node.name)
    for reader in readers:
        match reader:
            case Node(kind="add" | "norm") | PoolNode(largest=False):
                return True
            case Node(kind="concat" | "flatten") | PoolNode():
                if reads_sums(table, reader):
                    return True
    return not readers


def pool_behind(table: Table, product: ProductNode) -> PoolNode | None:
    """Return the pooling that is all that reads a product, if there is one."""
    readers = table.readers(product.name)
    return readers[0] if len(readers) == 1 and isinstance(readers[0], PoolNode) else None


def fetched_by_host(table: Table, product: ProductNode, before: ProductNode | None) -> int:
    """Numbers that the host fetches for each image, if it carries a product out.

    What ``before``, the product before, has given is at hand; see
    :class:`bnn.lowering.stage.HostStage`.
    """
    sources, waiting = {}, list(product.reads)
    while waiting:
        node = table.node(waiting.pop())
        if isinstance(node, ProductNode) or not node.reads:
            sources[node.name] = node.size
        else:
            waiting += node.reads
    return sum(size for name, size in sources.items() if before is None or name != before.name)


def _windows(product: ProductNode, pool: PoolNode | None) -> Windows:
    if product.window is None:
        return each_pixel(1, product.input[0])
    sides = [product.window.along(size) for size in product.input[:2]]
    over = None if pool is None else [pool.window.along(size) for size in product.shape[:2]]
    return lay(product.input[2], sides, over)


def _layer(product: ProductNode) -> Conv2D | Dense:
    """One output of it as a layer of a network."""
    channels = product.input[-1] // product.groups
    if product.window is None:
        return Dense(product.name, np.ones((channels, 1), np.float32), None, _SIGN, _SIGN)
    kernel = np.ones((product.window.size, product.window.size, channels, 1), np.float32)
    return Conv2D(product.name, kernel, None, _SIGN, _SIGN)
