"""The output tree: one adder serves many outputs that count the same rows with different signs.

Read :mod:`~pimsim.microprogram.output_tree.tree` first. A group of outputs sorts its rows by their
signs, adds those whose signs agree in all of its outputs, and hands the rest to each half of the
group. :mod:`~pimsim.microprogram.output_tree.planner` does that, in compiled code;
:mod:`~pimsim.microprogram.output_tree.joint` adds for two halves at once, and
:mod:`~pimsim.microprogram.output_tree.deciding` compares with thresholds by carries alone.
:mod:`~pimsim.microprogram.output_tree.group` plans a group over the parts of a fan-in,
:mod:`~pimsim.microprogram.output_tree.stream` has all the commands for it, and
:mod:`~pimsim.microprogram.output_tree.grouping` chooses which outputs share a group.
:mod:`~pimsim.microprogram.output_tree.layer` does a whole layer.
"""
