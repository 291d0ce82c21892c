"""Figures of runs, circuits, training and sweeps, in one style.

:mod:`~experiments.figures.style` is shared. :mod:`~experiments.figures.run`,
:mod:`~experiments.figures.circuit`, :mod:`~experiments.figures.disturbance`,
:mod:`~experiments.figures.learning_curve` and :mod:`~experiments.figures.sweep` draw one kind of
result each. :mod:`~experiments.figures.wanted` has the formats, the width and the amount of small
print that a user asks for.

A figure is drawn only from stored results.
"""
