"""Figures of runs, circuits, training and sweeps, in one style.

:mod:`~experiments.figures.style` and :mod:`~experiments.figures.colours` are common to all;
:mod:`~experiments.figures.run`, :mod:`~experiments.figures.circuit`,
:mod:`~experiments.figures.waveform` and :mod:`~experiments.figures.learning_curve` are one kind of
figure each, and :mod:`~experiments.figures.sweep` those of sweeps.

A figure is drawn from what was stored, and knows of nothing else.
"""
