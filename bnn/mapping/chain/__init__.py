"""Chains of stages: the results of one are the operands of the next, and stay in DRAM.

Dense stages and convolutions of one tap can follow one: what a column computes is what the same
column reads next.

:mod:`~bnn.mapping.chain.layout` says where a chain lies, :mod:`~bnn.mapping.chain.choice` whether
one is worth it, and :mod:`~bnn.mapping.chain.execute` books it and carries it out.

It knows of the two mappings whose columns are images, and whose plans it puts one after the other:
output-stationary (:mod:`~bnn.mapping.chain.counted`) and the output tree
(:mod:`~bnn.mapping.chain.trees`), both as a :mod:`~bnn.mapping.chain.laid` stage; and of no faults,
as nothing is chained where commands go wrong.
"""
