"""Studies: questions that take several sweeps to answer, each a module, a command and a page.

A study says which sweeps it takes and what they mean. ``pimsim study NAME`` runs the sweeps, which
can be stopped and resumed, and writes the page; the pages in ``docs`` are such pages.

Read :mod:`~experiments.studies.study` (what one is), then any of
:mod:`~experiments.studies.variation`, :mod:`~experiments.studies.layers`,
:mod:`~experiments.studies.circuit`, :mod:`~experiments.studies.chips` and
:mod:`~experiments.studies.mitigation`, which :mod:`~experiments.studies.catalog` lists.
:mod:`~experiments.studies.found` reads what a sweep has found, :mod:`~experiments.studies.page`
words it and :mod:`~experiments.studies.write` writes.

A study knows its sweeps by their results alone.
"""
