"""FLOOR 3: the whole house in one process, driven by one clock: the tests' simulator, and the backtest's engine."""
