"""Command-line options, declared once: what they are called, may be, need and change."""
