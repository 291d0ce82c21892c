"""When a command may be issued: constraints, the state of banks, and what a command waits for."""
