"""LeNet-5 with weights and activations of one bit, on MNIST: latency, energy, accuracy.

The network is the bundled ``mnist-lenet5``, trained with Larq. It is costed here, not executed. A
run over the whole test set (``pimsim run mnist-lenet5``) shows that its rows give the same bits,
and that as many images are right as its model card says.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from bnn import zoo
from bnn.larq.model_file import read_model
from bnn.run.estimate import Estimate, of_network
from bnn.system.system import System
from experiments.report import run as report
from experiments.report.inputs import encoding_by_name
from experiments.reproduce.table import Row, Table, in_words, look_up
from pimsim.dram.options import ModelOptions
from pimsim.dram.standard.standard import Standard

NETWORK = "mnist-lenet5"
BATCHES = (1, 100, 10_000)
"""Batches: one image, some, and MNIST's whole test set, which fills the columns."""
RIVALS = {"cpu": "Xeon Gold 5118", "p100": "P100", "fpga": "ZCU102", "pluto": "pLUTo-BSA"}
"""Columns of pLUTo's table 7: a processor, a graphics card, an FPGA, and pLUTo."""
_NAME = "pluto"


def network(standard: Standard, options: ModelOptions) -> Table:
    """Return time and energy of an image in several batches, beside the published ones."""
    rows = [row for images in BATCHES for row in _of(images, standard, options)]
    right = 100 * zoo.entry(NETWORK).accuracy
    published = look_up(_NAME, "network", "accuracy", "pluto")
    of = str(BATCHES[-1]), RIVALS["pluto"]
    rows.append(Row(of, "right", right, "%", f"{NETWORK}, the bundled network", published))
    keys = ("images together", "system")
    return Table("network", "LeNet-5 with one bit, an image of MNIST", keys, tuple(rows))


@cache
def booked(images: int, standard: Standard, options: ModelOptions) -> Estimate:
    """Return the estimate for so many images, with the best mapping for each layer."""
    net = read_model(zoo.locate(NETWORK))
    encoding = encoding_by_name(net, zoo.entry(NETWORK).data)
    return of_network(net, encoding, images, System(standard, options))


def _of(images: int, standard: Standard, options: ModelOptions) -> Iterator[Row]:
    done = booked(images, standard, options)
    system = System(standard, options)
    found = report.build(NETWORK, None, None, done, system, None, "auto")
    words = in_words(standard, options, energy=options.energy)
    each_us = found["latency_ps"] / 1e6 / images
    taken_pj = found["energy_pj"]["total"]
    each_mj = None if taken_pj is None else taken_pj / 1e9 / images
    for key, title in RIVALS.items():
        of = str(images), title
        for quantity, value, unit, name in (
            ("time an image", each_us, "us", "time"),
            ("energy an image", each_mj, "mJ", "energy"),
        ):
            if value is None:
                continue
            published = look_up(_NAME, "network", name, key)
            yield Row(of, quantity, value, unit, words, published)
    taken = [layer.occupancy for layer in done.layers if layer.occupancy]
    used = sum(each.columns_used for each in taken) / sum(each.columns_opened for each in taken)
    yield Row((str(images), ""), "columns that hold data", 100 * used, "%", words)
    if images == BATCHES[0]:
        macs = sum(layer.macs for layer in done.layers)
        published = look_up(_NAME, "network", "macs", "pluto")
        of = str(images), RIVALS["pluto"]
        yield Row(of, "multiply-accumulates an image", macs, "", NETWORK, published)
