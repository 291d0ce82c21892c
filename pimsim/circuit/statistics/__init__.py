"""How often a decision is wrong: closed forms, Monte Carlo, importance sampling, fits.

Read :mod:`~pimsim.circuit.statistics.charge_sharing` first, then
:mod:`~pimsim.circuit.statistics.sense_decision`, which adds what an amplifier decides.
:mod:`~pimsim.circuit.statistics.monte_carlo` counts such decisions, or whole cycles instead;
:mod:`~pimsim.circuit.statistics.importance_sampling` estimates rare ones, and says what cannot
fail. :mod:`~pimsim.circuit.statistics.intervals` says how sure a count is, and
:mod:`~pimsim.circuit.statistics.fit` has other people's rates and how the processes were fitted to
them, :mod:`~pimsim.circuit.statistics.retention_fit` cells that modules lost.

Nothing here knows of commands, or of what is computed with them.
"""
