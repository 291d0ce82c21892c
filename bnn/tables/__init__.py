"""Well-known networks as tables of layers, without weights: what each would cost in DRAM.

:mod:`~bnn.tables.graph` is what a table is, :mod:`~bnn.tables.catalog` has the networks,
:mod:`~bnn.tables.channels` gives them other widths, :mod:`~bnn.tables.stages` makes stages of them,
and :mod:`~bnn.tables.published` has published sizes of the same networks.

A table knows no weights, and no mapping.

>>> from bnn.tables.catalog import entry
>>> [(layer.name, layer.macs) for layer in entry("lenet5").products][:2]
[('c1', 117600), ('c3', 240000)]
"""
