"""Comparing a network with Keras, number by number: operands, sums, predictions.

:mod:`~bnn.keras.apart` runs a check in a process of its own, and :mod:`~bnn.keras.check` is that
check: :mod:`~bnn.keras.model_file` loads the file with Keras, :mod:`~bnn.keras.observer` looks at
what is inside the model, :mod:`~bnn.keras.accumulators` compares layer by layer, and
:mod:`~bnn.keras.ties` follows a network past decisions that rounding in float32 may turn either
way.

It knows the network, its exact reference and logits; not how the logits were computed in DRAM.
"""
