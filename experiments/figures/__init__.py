"""Figures of runs, circuits, training and sweeps, in one style."""
