"""From a network to stages, which a mapping can lay out: operands, windows and thresholds.

Read :mod:`~bnn.lowering.stage` (what the DRAM is given, and which pixels a column reads),
:mod:`~bnn.lowering.operand_analysis` (which values operands take) and
:mod:`~bnn.lowering.thresholds` (bias, BatchNorm and sign as one comparison);
:mod:`~bnn.lowering.lower` puts them together.

Nothing here knows of mappings, banks or time; all it knows of the DRAM is the number of data rows
in a subarray.
"""
