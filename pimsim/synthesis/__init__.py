"""Shortest programs of row commands, found by search.

Read :mod:`~pimsim.synthesis.task` first: what is searched for, and the rules under which a program
counts; its texts are read by :mod:`~pimsim.synthesis.expression`. Then
:mod:`~pimsim.synthesis.search`, which goes over a task as numbers
(:mod:`~pimsim.synthesis.encoding`, arrays of :mod:`~pimsim.synthesis.rules`) by a compiled loop
(:mod:`~pimsim.synthesis.kernel`, of :mod:`~pimsim.synthesis.commands`,
:mod:`~pimsim.synthesis.bounds` and :mod:`~pimsim.synthesis.store`), with what is minimised from
:mod:`~pimsim.synthesis.objective`. Every program is run before it is shown
(:mod:`~pimsim.synthesis.check`); what is known of it in words is in
:mod:`~pimsim.synthesis.certificate`. :mod:`~pimsim.synthesis.known` lists what was found.

A program is found from an address map alone: nothing here knows of networks or mappings.
"""
