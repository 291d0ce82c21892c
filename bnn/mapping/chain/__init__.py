"""Chains of dense stages: the results of one are the operands of the next, and stay in DRAM.

:mod:`~bnn.mapping.chain.layout` says where a chain lies, :mod:`~bnn.mapping.chain.choice` whether
one is worth it, and :mod:`~bnn.mapping.chain.execute` books it and carries it out.

It knows of one mapping, output-stationary, whose plans it puts one after the other; and of no
faults, as nothing is chained where commands go wrong.
"""
