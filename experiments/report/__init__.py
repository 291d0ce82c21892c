"""Reports of runs and of ``pimsim circuit``: as JSON, tables and rows.

:mod:`~experiments.report.inputs` says how images become integers.
:mod:`~experiments.report.simulated` and :mod:`~experiments.report.cost_only` simulate what the
options ask for, :mod:`~experiments.report.run` builds the report, and
:mod:`~experiments.report.tables` prints it. :mod:`~experiments.report.failure_rows` and
:mod:`~experiments.report.waveforms` are the results of ``pimsim circuit``.

Nothing here imports figures: these are drawn from a report.
"""
