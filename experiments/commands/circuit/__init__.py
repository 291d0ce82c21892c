"""The subcommands of ``pimsim circuit``."""
