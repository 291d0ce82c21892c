"""Voltages over time: command sequences on a bitline, integrated and held against ngspice.

:mod:`~pimsim.circuit.transient.scenarios` says what happens in a bitline pair, as data, and
:mod:`~pimsim.circuit.transient.control_lines` when each line moves.
:mod:`~pimsim.circuit.transient.devices` and :mod:`~pimsim.circuit.transient.bitline_ode` are the
physics, for one pair or many (:mod:`~pimsim.circuit.transient.instances`);
:mod:`~pimsim.circuit.transient.integrator` takes steps of its own for each pair, and solves them
with :mod:`~pimsim.circuit.transient.linear_solve`. :mod:`~pimsim.circuit.transient.simulation`
leads through all of that. :mod:`~pimsim.circuit.transient.spice` writes the same scenario for
ngspice, and :mod:`~pimsim.circuit.transient.ngspice_check` compares.

It knows of no probability: who varies the devices counts what is wrong.
"""
