"""FLOOR 2: the shell around the cores: table, bus, loop, clock, journal, files."""
