"""How often a decision is wrong: closed forms, corners, Monte Carlo, importance sampling, fits.

Read :mod:`~pimsim.circuit.statistics.charge_sharing` first, then
:mod:`~pimsim.circuit.statistics.sense_decision`, which adds what an amplifier decides.
:mod:`~pimsim.circuit.statistics.monte_carlo` counts such decisions,
:mod:`~pimsim.circuit.statistics.importance_sampling` estimates rare ones,
:mod:`~pimsim.circuit.statistics.corners` says what cannot fail;
:mod:`~pimsim.circuit.statistics.transient_monte_carlo` counts whole cycles instead.
:mod:`~pimsim.circuit.statistics.intervals` says how sure a count is.
:mod:`~pimsim.circuit.statistics.published` are other people's rates, and
:mod:`~pimsim.circuit.statistics.fit` how the processes were fitted to them.

Nothing here knows of commands, or of what is computed with them.
"""
