"""Output to terminals and files, shared by all commands.

For people: :mod:`~experiments.output.tables`, :mod:`~experiments.output.progress`,
:mod:`~experiments.output.words`, :mod:`~experiments.output.markdown`; for files:
:mod:`~experiments.output.json_output`, :mod:`~experiments.output.sheets`,
:mod:`~experiments.output.outdir`, which writes all files of a result or none.
:mod:`~experiments.output.escaping` makes texts from input files harmless.

Nothing here depends on what is written.
"""
