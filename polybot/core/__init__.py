"""FLOOR 1: thinking. No clock, no I/O, no luck."""
