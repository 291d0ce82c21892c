"""Pages for a browser: one file each, which loads nothing else.

Read :mod:`~experiments.html.blocks` (what a page is made of) and :mod:`~experiments.html.page` (how
it becomes a file, in which all text is escaped), then the pages:

- :mod:`~experiments.html.run`, with :mod:`~experiments.html.words` (the answer in sentences),
  :mod:`~experiments.html.answers` (what was classified wrongly), :mod:`~experiments.html.parts`
  (other parts) and :mod:`~experiments.html.timeline` (the first commands of the banks);
- :mod:`~experiments.html.sweep` and :mod:`~experiments.html.compare`;
- :mod:`~experiments.html.lists`: advice, and a network on unmodified chips;
- :mod:`~experiments.html.circuit.page`: the subcommands of ``pimsim circuit``;
- :mod:`~experiments.html.document`: pages of Markdown, such as studies write, and
  :mod:`~experiments.html.reproduce`.

:mod:`~experiments.html.pictures` puts pictures into a page, and :mod:`~experiments.html.command`
the command that made it. What a page shows beyond the report of a run, such as images, is recorded
by :mod:`experiments.report.witness` during the run.
"""
