"""The subcommands of ``pimsim``, a module each."""
