"""FLOOR 4: one process per file: a core, its adapters, run."""
