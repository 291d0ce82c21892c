"""The circuit below the commands: what cells, bitline and sense amplifier do, and how often wrong.

Parameters of a bitline pair are a :class:`~pimsim.circuit.parameters.Circuit`, loaded from a
preset or a TOML file. From it follow, exactly, the voltages after charge sharing
(:mod:`~pimsim.circuit.charge`), and statistically the decisions of sense amplifiers that vary
(:mod:`~pimsim.circuit.decision`, :mod:`~pimsim.circuit.failures`). What happens over time in a
scenario (:mod:`~pimsim.circuit.scenarios`) is integrated by :mod:`~pimsim.circuit.transient`, and
compared with ngspice by :mod:`~pimsim.circuit.referee`.

>>> from pimsim.circuit.charge import share
>>> from pimsim.circuit.parameters import load
>>> circuit = load("rambus55")
>>> round(float(share(circuit, [True, True, False]).swing_mv), 2)  # a TRA of two ones and a zero
87.42
"""
