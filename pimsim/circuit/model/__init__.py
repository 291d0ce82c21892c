"""What a bitline is made of, with sources: its elements, parameters, variation and retention."""
