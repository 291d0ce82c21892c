"""The playground: one page with a bitline, sliders, and programs to step through.

:mod:`~experiments.playground.page` puts the page together. Data come from the package:
:mod:`~experiments.playground.bitline` has the circuit, its control lines and what varies;
:mod:`~experiments.playground.programs` has the microprograms, with the state of every cell after
every command; :mod:`~experiments.playground.words` says in words what a command does. The folder
``web`` has the page itself: formulas, drawing, style.

The formulas of ``web`` are those of :mod:`pimsim.circuit`, in JavaScript; tests compare numbers.
"""
