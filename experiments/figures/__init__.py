"""Figures of runs, circuits, training and sweeps, in one style.

:mod:`~experiments.figures.style` is common to all; :mod:`~experiments.figures.run`,
:mod:`~experiments.figures.circuit` and :mod:`~experiments.figures.learning_curve` are one kind
each, and :mod:`~experiments.figures.sweep` those of sweeps. :mod:`~experiments.figures.wanted`
says which files of a figure are wanted, how wide, and with how much small print.

A figure is drawn from what was stored, and knows of nothing else.
"""
