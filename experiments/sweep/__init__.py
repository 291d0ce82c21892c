"""Sweeps: what is measured at every point of some axes, kept in a store, and drawn from it."""
