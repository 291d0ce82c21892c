"""Studies: questions that several sweeps answer together. Each has a module and a page.

A study lists its sweeps and says what their results mean. ``pimsim study NAME`` runs the sweeps,
which can be stopped and resumed, and writes the page, as in ``docs``.

Read :mod:`~experiments.studies.study` first: what a study is, the list of all, and how the results
of sweeps are read. Then read any study. :mod:`~experiments.studies.page` writes their pages.

A study uses only the results of its sweeps.
"""
