"""The output tree: one adder serves many outputs that count the same rows with other signs.

Read :mod:`~pimsim.microprogram.output_tree.tree` first: rows sorted by their signs over a group of
outputs, added within a pattern, and handed to halves of the group.
:mod:`~pimsim.microprogram.output_tree.planner` does that, in compiled code;
:mod:`~pimsim.microprogram.output_tree.joint` adds for two halves at once, and
:mod:`~pimsim.microprogram.output_tree.deciding` compares with thresholds by carries alone.
:mod:`~pimsim.microprogram.output_tree.group` plans a group over the parts of a fan-in,
:mod:`~pimsim.microprogram.output_tree.stream` says everything that is then done for it, and
:mod:`~pimsim.microprogram.output_tree.grouping` chooses which outputs share one.
:mod:`~pimsim.microprogram.output_tree.layer` is a whole layer by itself.
"""
