"""Pages for a browser: one file each, which needs nothing else and asks nobody for anything.

Read :mod:`~experiments.html.blocks` (what a page is made of) and :mod:`~experiments.html.page` (how
it becomes a file in which nobody's text can do anything), then the pages:

- :mod:`~experiments.html.run`, with :mod:`~experiments.html.words` (the answer in sentences),
  :mod:`~experiments.html.answers` (what was classified wrongly), :mod:`~experiments.html.parts`
  (other parts) and :mod:`~experiments.html.timeline` (the first commands of the banks);
- :mod:`~experiments.html.sweep` and :mod:`~experiments.html.compare`;
- :mod:`~experiments.html.lists`, of advice and of unmodified chips;
- :mod:`~experiments.html.circuit.page`, of the subcommands of ``pimsim circuit``;
- :mod:`~experiments.html.document` of Markdown, such as studies write, and
  :mod:`~experiments.html.reproduce`.

Pictures are put into a page by :mod:`~experiments.html.pictures`, the command that made it by
:mod:`~experiments.html.command`. What a page shows of a run that its report does not say is seen by
:mod:`experiments.report.witness` while it runs.
"""
