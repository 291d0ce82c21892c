"""Chains of stages: the results of one are the operands of the next, and stay in DRAM.

A dense stage or a convolution of one tap can follow another stage: its columns read just what the
same columns have computed.

:mod:`~bnn.mapping.chain.layout` says where a chain lies, :mod:`~bnn.mapping.chain.choice` whether
it saves time, and :mod:`~bnn.mapping.chain.execute` books it and carries it out.

Only the two mappings whose columns are images can be chained: output-stationary
(:mod:`~bnn.mapping.chain.counted`) and the output tree (:mod:`~bnn.mapping.chain.trees`). Both make
a :mod:`~bnn.mapping.chain.laid` stage. Nothing is chained where commands go wrong, so faults play
no part here.
"""
