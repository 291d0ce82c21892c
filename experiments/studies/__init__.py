"""Studies: questions that take several sweeps to answer, each a module, a command and a page.

A study says which sweeps it takes and what they mean. ``pimsim study NAME`` runs the sweeps, which
can be stopped and resumed, and writes the page; the pages in ``docs`` are such pages.
"""
