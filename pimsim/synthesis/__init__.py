"""Shortest programs of row commands, found by search.

Read :mod:`~pimsim.synthesis.task` first: it says what is searched for, and which programs are
solutions. :mod:`~pimsim.synthesis.expression` parses the texts of a task. Then read
:mod:`~pimsim.synthesis.search`. It encodes a task as numbers (:mod:`~pimsim.synthesis.encoding`,
with the arrays of :mod:`~pimsim.synthesis.rules`) and runs a compiled loop
(:mod:`~pimsim.synthesis.kernel`, made of :mod:`~pimsim.synthesis.commands`,
:mod:`~pimsim.synthesis.bounds` and :mod:`~pimsim.synthesis.store`).
:mod:`~pimsim.synthesis.objective` says what is minimised. :mod:`~pimsim.synthesis.check` runs every
program before it is shown, and :mod:`~pimsim.synthesis.certificate` says in words what was proven.
:mod:`~pimsim.synthesis.known` lists programs that were found.

A search depends only on an address map, not on networks or mappings.
"""
