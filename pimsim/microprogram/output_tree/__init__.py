"""The output tree: one adder serves many outputs that count the same rows with other signs.

Read :mod:`~pimsim.microprogram.output_tree.tree` first. It sorts rows by their sign pattern over a
group of outputs, adds within a pattern, and hands what is left to halves of the group. At two
outputs :mod:`~pimsim.microprogram.output_tree.pairs` settles their sum and difference, and
:mod:`~pimsim.microprogram.output_tree.deciding` compares with thresholds by carries alone.
:mod:`~pimsim.microprogram.output_tree.joint` adds for two halves at once, and
:mod:`~pimsim.microprogram.output_tree.grouping` chooses which outputs share a group.
"""
