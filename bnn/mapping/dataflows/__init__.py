"""The mappings, a module or a package each; see :class:`bnn.mapped.mapped_stage.Mapping`.

:mod:`~bnn.mapping.dataflows.output_stationary` is the default: weights are in the command stream.
:mod:`~bnn.mapping.dataflows.weight_stationary` and :mod:`~bnn.mapping.dataflows.no_local_reuse`
hold weights in rows, as :mod:`~bnn.mapping.dataflows.resident_weights` lays them out.
:mod:`~bnn.mapping.dataflows.output_tree` has adders that outputs share. Each returns mapped stages:
what lies where, the row program, and how results are read back.

A mapping does not know which backend carries its plan out, if any.
"""
