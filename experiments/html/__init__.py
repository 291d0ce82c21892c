"""Pages for a browser: one file each, which needs nothing else and asks nobody for anything.

Read :mod:`~experiments.html.blocks` (what a page is made of), :mod:`~experiments.html.page` (how it
becomes a file that nobody's text can make do anything), then the pages:
:mod:`~experiments.html.run` of a run, with :mod:`~experiments.html.answers` (what was classified
wrongly) and :mod:`~experiments.html.timeline` (the first commands of the banks). What a run did not
write into its report but a page shows is gathered by :mod:`~experiments.html.witness`.
"""
