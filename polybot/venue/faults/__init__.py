"""Faults by script: what the real venue does on its bad days, done on purpose, at a time one can name."""
