"""From a network to stages: operands, windows and thresholds that a mapping can lay out.

Read :mod:`~bnn.lowering.stage` (what the DRAM is given, and which pixels a column reads),
:mod:`~bnn.lowering.operand_analysis` (which values operands take) and
:mod:`~bnn.lowering.thresholds` (bias, BatchNorm and sign as one comparison);
:mod:`~bnn.lowering.lower` puts them together.

It knows of no mapping, bank or time; of the DRAM only how many data rows a subarray has.
"""
