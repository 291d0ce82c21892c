"""The circuit below the commands: what cells, bitline and sense amplifier do, and how often wrong.

Parameters of a bitline pair are a :class:`~pimsim.circuit.model.parameters.Circuit`, loaded from a
preset or a TOML file. From it follow, exactly, the voltages after charge sharing
(:mod:`~pimsim.circuit.statistics.charge_sharing`), and statistically the decisions of sense
amplifiers that vary (:mod:`~pimsim.circuit.statistics.sense_decision`,
:mod:`~pimsim.circuit.statistics.monte_carlo`). What happens over time in a scenario
(:mod:`~pimsim.circuit.transient.scenarios`) is integrated by
:mod:`~pimsim.circuit.transient.simulation`, and compared with ngspice by
:mod:`~pimsim.circuit.transient.ngspice_check`. What is handed on is a table of probabilities
(:mod:`pimsim.circuit.failure_tables`).

Nothing here knows of commands, rows by address, or standards.

>>> from pimsim.circuit.statistics.charge_sharing import majority_margin_mv
>>> from pimsim.circuit.model.parameters import load
>>> round(majority_margin_mv(load("rambus55")), 2)  # a TRA of two ones and a zero swings by
87.42
"""
