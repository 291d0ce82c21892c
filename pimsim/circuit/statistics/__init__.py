"""How often a decision is wrong: closed forms, Monte Carlo, importance sampling, fits.

Read :mod:`~pimsim.circuit.statistics.charge_sharing` first, then
:mod:`~pimsim.circuit.statistics.sense_decision`, which adds what an amplifier decides.
:mod:`~pimsim.circuit.statistics.monte_carlo` counts such decisions, or whole cycles instead;
:mod:`~pimsim.circuit.statistics.importance_sampling` estimates rare ones, and says what cannot
fail. :mod:`~pimsim.circuit.statistics.intervals` says how sure a count is.
:mod:`~pimsim.circuit.statistics.fit` has published failure rates and how the processes were fitted
to them; :mod:`~pimsim.circuit.statistics.retention_fit` does so for cells of real modules that lost
their charge.

Nothing here knows of commands, or of what is computed with them.
"""
