"""Images and labels: named data sets, files from anybody, and the scales that pixels come in.

:mod:`~bnn.data.datasets` gives a named one, found or downloaded by :mod:`~bnn.data.mnist` and
:mod:`~bnn.data.cifar10` with what they share, :mod:`~bnn.data.archives`.
:mod:`~bnn.data.labelled` reads somebody's own out of an :mod:`~bnn.data.array_file`, and
:mod:`~bnn.data.input_scale` puts either into the scale that a network was trained with.

It knows of no network: whoever has one says which shape it takes.
"""
