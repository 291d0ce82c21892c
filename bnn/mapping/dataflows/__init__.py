"""The mappings, a module or a package each; see :class:`bnn.mapping.mapped_stage.Mapping`."""
