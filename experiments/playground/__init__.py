"""The playground: one page in which a bitline computes, with sliders, and programs go step by step.

:mod:`~experiments.playground.page` puts the page together. What is particular to the package goes
into it as data: :mod:`~experiments.playground.bitline` has the circuit, its control lines and what
varies, :mod:`~experiments.playground.programs` the microprograms with what every command leaves in
every cell, and :mod:`~experiments.playground.words` says in words what a command does. The folder
``web`` has the page itself: formulas, drawing, style.

The formulas of ``web`` are those of :mod:`pimsim.circuit`, in JavaScript; tests compare numbers.
"""
