"""Studies: questions that take several sweeps to answer, each a module, a command and a page.

A study says which sweeps it takes and what they mean. ``pimsim study NAME`` runs the sweeps, which
can be stopped and resumed, and writes the page; the pages in ``docs`` are such pages.

Read :mod:`~experiments.studies.study`, which says what one is, lists all and reads what sweeps have
found, then any of them. :mod:`~experiments.studies.page` writes their pages.

A study knows its sweeps by their results alone.
"""
