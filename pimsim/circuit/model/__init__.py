"""What a bitline is made of, with sources: its elements, parameters, variation and retention.

:mod:`~pimsim.circuit.model.elements` has the parts, each value checked where it is made;
:mod:`~pimsim.circuit.model.parameters` puts them together to a circuit and reads presets and TOML
files; :mod:`~pimsim.circuit.model.retention` says what a cell still holds, and
:mod:`~pimsim.circuit.model.variation` what varies and how it is drawn.

Nothing here knows what happens over time, or how often anything fails.
"""
