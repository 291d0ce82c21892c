"""Well-known networks as tables of layers, without weights: what each would cost in DRAM.

>>> from bnn.tables.catalog import entry
>>> [(layer.name, layer.macs) for layer in entry("lenet5").products][:2]
[('c1', 117600), ('c3', 240000)]
"""
