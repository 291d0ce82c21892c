"""Voltages over time: command sequences on a bitline, integrated and held against ngspice.

:mod:`~pimsim.circuit.transient.scenarios` says what happens in a bitline pair, as data, and
:mod:`~pimsim.circuit.transient.control_lines` when each line moves.
:mod:`~pimsim.circuit.transient.bitline_ode` numbers nodes and values of a pair, of which there may
be many (:mod:`~pimsim.circuit.transient.instances`). :mod:`~pimsim.circuit.transient.pair_code` is
the physics and :mod:`~pimsim.circuit.transient.step_code` the steps, both as machine code for eight
pairs at a time (:mod:`~pimsim.circuit.transient.lanes`), each with steps of its own;
:mod:`~pimsim.circuit.transient.integrator` takes all pairs from stop to stop.
:mod:`~pimsim.circuit.transient.simulation` is the function that users call.
:mod:`~pimsim.circuit.transient.spice` writes the same scenario for ngspice, and
:mod:`~pimsim.circuit.transient.ngspice_check` compares.

Nothing here knows of probabilities: whoever varies the devices counts the wrong results.
"""
