"""When a stream of commands ends: segments of alike commands, timed without issuing each."""
