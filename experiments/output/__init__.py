"""What all commands share in speaking to people and files.

For people: :mod:`~experiments.output.tables`, :mod:`~experiments.output.progress`,
:mod:`~experiments.output.words`, :mod:`~experiments.output.markdown`; for files:
:mod:`~experiments.output.json_output`, :mod:`~experiments.output.sheets`,
:mod:`~experiments.output.outdir`, which shows all of a result or none.
:mod:`~experiments.output.escaping` makes other people's texts harmless.

It does not know what is said.
"""
