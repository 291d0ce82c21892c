"""The circuit: what cells, bitlines and sense amplifiers do, and how often they are wrong.

A bitline pair is described by a :class:`~pimsim.circuit.model.parameters.Circuit`, loaded from a
preset or a TOML file. Three things follow from it:

- the voltages after charge sharing, exactly: :mod:`~pimsim.circuit.statistics.charge_sharing`;
- how often sense amplifiers that vary decide wrongly:
  :mod:`~pimsim.circuit.statistics.sense_decision`, :mod:`~pimsim.circuit.statistics.monte_carlo`;
- the voltages over time: :mod:`~pimsim.circuit.transient.simulation` integrates a scenario of
  :mod:`~pimsim.circuit.transient.scenarios`, and :mod:`~pimsim.circuit.transient.ngspice_check`
  compares it with ngspice.

What other packages get from here is a table of failure probabilities,
:mod:`pimsim.circuit.failure_tables`.

Nothing here knows of commands, rows by address, or standards.

>>> from pimsim.circuit.statistics.charge_sharing import majority_margin_mv
>>> from pimsim.circuit.model.parameters import load
>>> round(majority_margin_mv(load("rambus55")), 2)  # TRA: three rows opened at once
87.42
"""
