"""Holding a network against Keras, where the extra `larq` is installed."""
