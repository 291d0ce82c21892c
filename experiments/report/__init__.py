"""What a run and a circuit study say: as JSON, as tables, as rows.

:mod:`~experiments.report.inputs` says how images become integers,
:mod:`~experiments.report.simulated` and :mod:`~experiments.report.cost_only` simulate what the
options ask, :mod:`~experiments.report.run` builds the report of that, and
:mod:`~experiments.report.tables` shows it. :mod:`~experiments.report.failure_rows` and
:mod:`~experiments.report.waveforms` are what a circuit study says.

Nothing here knows of figures: they are drawn from what stands in a report.
"""
